"""The faults of the demo shop: what fails where, how often, with which message (data, no logic).

``rate`` is errors per hour before scaling, averaged over the day; ``rhythm`` says how it varies.
``risk_rank`` is the order in which somebody who knows the shop would look at the faults at the end of the two
weeks, 1 first: how bad one error is times how many people lose what. It is a judgement, no formula, and the
truth that a risk score is compared with: what stops or loses orders (fatal, critical, incidents), then what
breaks a page unhandled, then handled errors by how many people meet them, last the warnings that belong to
business (a declined card).
A message may name ``{order}``, ``{user}``, ``{sku}``, ``{host}``, ``{ms}``, ``{n}``, ``{email}``, ``{ip}``, ``{card}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from error_manager.runtime.demo.stacks import Call, call

Rhythm = Literal["day", "office", "flat", "nightly", "incident"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One application of the shop; it becomes a project."""

    name: str
    slug: str
    platform: str
    framework: str
    hosts: tuple[str, ...]
    releases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One cause of errors; its errors should become one pattern."""

    key: str
    risk_rank: int
    service: str
    type: str
    message: str
    rate: float
    calls: tuple[Call, ...] = ()
    rhythm: Rhythm = "day"
    severity: str = "error"
    cause: tuple[str, str] | None = None
    transaction: str = ""
    is_handled: bool = True
    error_code: str = ""


SERVICES: Final = {
    service.slug: service
    for service in (
        Service(
            name="Shop web", slug="shop-web", platform="javascript", framework="browser",
            hosts=("shop.example",), releases=("web@5.1.0", "web@5.1.1", "web@5.2.0"),
        ),
        Service(
            name="Shop API", slug="shop-api", platform="python", framework="flask",
            hosts=("api-1", "api-2", "api-3"), releases=("api@2.7.3", "api@2.7.4", "api@2.8.0", "api@2.8.1"),
        ),
        Service(
            name="Payment", slug="payment", platform="java", framework="spring",
            hosts=("pay-1", "pay-2"), releases=("payment@1.19.0", "payment@1.20.0"),
        ),
        Service(
            name="Mail", slug="mail", platform="python", framework="celery",
            hosts=("mail-1",), releases=("mail@0.9.4",),
        ),
        Service(
            name="Search", slug="search", platform="java", framework="spring",
            hosts=("search-1", "search-2"), releases=("search@3.4.0", "search@3.4.1"),
        ),
        Service(
            name="Nightly batch", slug="batch", platform="python", framework="cron",
            hosts=("batch-1",), releases=("batch@7.0.2",),
        ),
    )
}  # fmt: skip


def _calls(*lines: str) -> tuple[Call, ...]:
    return tuple(call(line) for line in lines)


FAULTS: Final = (
    # --- web: JavaScript in the browser
    Fault(key="web-null-price", risk_rank=8, service="shop-web", type="TypeError", rate=34, is_handled=False,
          message="Cannot read properties of undefined (reading 'price')", transaction="/cart",
          calls=_calls("cart.Summary:renderTotal | const price = item.offer.price;")),
    Fault(key="web-chunk", risk_rank=16, service="shop-web", type="ChunkLoadError", rate=21,
          message="Loading chunk {n} failed.", transaction="/product/:sku",
          calls=_calls("app.router:loadPage | return import(`./pages/${name}`);")),
    Fault(key="web-fetch", risk_rank=11, service="shop-web", type="TypeError", rate=46, message="Failed to fetch",
          transaction="/search", calls=_calls("api.client:request | const answer = await fetch(url, options);")),
    Fault(key="web-quota", risk_rank=37, service="shop-web", type="QuotaExceededError", rate=5, severity="warning",
          message="Failed to execute 'setItem' on 'Storage': Setting the value of 'cart-{user}' exceeded the quota.",
          calls=_calls("cart.store:persist | localStorage.setItem(key, JSON.stringify(cart));")),
    Fault(key="web-json", risk_rank=20, service="shop-web", type="SyntaxError", rate=9, transaction="/checkout",
          message="Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
          calls=_calls("api.client:parse | return JSON.parse(text);")),
    Fault(key="web-resize", risk_rank=35, service="shop-web", type="Error", rate=18, severity="warning",
          message="ResizeObserver loop completed with undelivered notifications.",
          calls=_calls("layout.Grid:onResize | observer.observe(node);")),
    Fault(key="web-payment-frame", risk_rank=18, service="shop-web", type="Error", rate=7, transaction="/checkout",
          message="Payment frame did not answer within {ms} ms",
          calls=_calls("checkout.Frame:waitForReady | reject(new Error(`Payment frame did not answer within ${ms} ms`));")),
    Fault(key="web-postal", risk_rank=27, service="shop-web", type="RangeError", rate=3, message="Invalid time value",
          transaction="/account/orders", calls=_calls("account.Orders:formatDate | return date.toISOString();")),
    Fault(key="web-gateway", risk_rank=5, service="shop-web", type="HttpError", rate=0, rhythm="incident", transaction="/checkout",
          message="502 Bad Gateway for POST /api/orders", error_code="502",
          calls=_calls("api.client:check | throw new HttpError(answer.status, answer.statusText, url);",
                       "checkout.submit:placeOrder | await api.post('/orders', order);")),
    Fault(key="web-bot", risk_rank=38, service="shop-web", type="URIError", rate=0, rhythm="incident", severity="warning",
          message="URI malformed: /product/%E0%A4%A{n}", transaction="/product/:sku",
          calls=_calls("app.router:match | const path = decodeURIComponent(location.pathname);")),
    # --- API: Python
    Fault(key="api-sku", risk_rank=12, service="shop-api", type="KeyError", rate=41, message="'SKU-{sku}'",
          transaction="GET /products/<sku>",
          calls=_calls("shop.catalog.views:product | item = catalog.find(sku)",
                       "shop.catalog.store:find | return self._by_sku[sku]")),
    Fault(key="api-stock", risk_rank=30, service="shop-api", type="shop.stock.errors.OutOfStock", rate=62, severity="warning",
          message="SKU-{sku} has 0 left, {n} wanted", transaction="POST /orders",
          calls=_calls("shop.orders.views:create | order = service.place(cart, user)",
                       "shop.orders.service:place | stock.reserve(line.sku, line.quantity)",
                       "shop.stock.service:reserve | raise OutOfStock(sku, left, wanted)")),
    Fault(key="api-address", risk_rank=13, service="shop-api", type="ValueError", rate=23,
          message="postal code 'X{n}' is not valid for user {email}", transaction="POST /addresses",
          calls=_calls("shop.accounts.views:add_address | address = Address.parse(form)",
                       "shop.accounts.address:parse | raise ValueError(text)")),
    Fault(key="api-coupon", risk_rank=9, service="shop-api", type="AttributeError", rate=13, is_handled=False,
          message="'NoneType' object has no attribute 'discount'", transaction="POST /cart/coupon",
          calls=_calls("shop.cart.views:apply_coupon | total = pricing.total(cart, coupon)",
                       "shop.cart.pricing:total | return base - coupon.discount(base)")),
    Fault(key="api-auth", risk_rank=32, service="shop-api", type="jwt.exceptions.ExpiredSignatureError", rate=55,
          severity="warning", message="Signature has expired", transaction="GET /account",
          calls=_calls("shop.auth.guard:require_user | claims = tokens.read(header)",
                       "shop.auth.tokens:read | return jwt.decode(token, key, algorithms=['RS256'])")),
    Fault(key="api-search-timeout", risk_rank=15, service="shop-api", type="requests.exceptions.ReadTimeout", rate=16,
          message="HTTPConnectionPool(host='{host}', port=9200): Read timed out. (read timeout=2)",
          transaction="GET /search",
          calls=_calls("shop.search.views:search | hits = client.query(text, page)",
                       "shop.search.client:query | answer = session.get(url, timeout=2)"),
          cause=("TimeoutError", "timed out")),
    Fault(key="api-deadlock", risk_rank=22, service="shop-api", type="psycopg.errors.DeadlockDetected", rate=4,
          message="deadlock detected\nDETAIL: Process {n} waits for ShareLock on transaction {order}", error_code="40P01",
          transaction="POST /orders",
          calls=_calls("shop.orders.service:place | db.commit()", "shop.db.session:commit | self.connection.commit()")),
    Fault(key="api-unique", risk_rank=19, service="shop-api", type="psycopg.errors.UniqueViolation", rate=11, error_code="23505",
          message='duplicate key value violates unique constraint "accounts_email_key"\nDETAIL: Key (email)=({email}) already exists.',
          transaction="POST /accounts",
          calls=_calls("shop.accounts.views:register | account = accounts.create(form)",
                       "shop.accounts.store:create | cursor.execute(INSERT_ACCOUNT, values)")),
    Fault(key="api-upload", risk_rank=26, service="shop-api", type="OSError", rate=2, message="[Errno 28] No space left on device: '/tmp/upload-{order}'",
          transaction="POST /returns/photo", calls=_calls("shop.returns.views:photo | upload.save(path)")),
    Fault(key="api-pool", risk_rank=2, service="shop-api", type="shop.db.pool.PoolTimeout", rate=0, rhythm="incident", severity="critical",
          message="no connection to {host} became free within 5 s (20 of 20 in use)", transaction="POST /orders",
          calls=_calls("shop.orders.views:create | order = service.place(cart, user)",
                       "shop.orders.service:place | with pool.connection() as db:",
                       "shop.db.pool:connection | raise PoolTimeout(self.host, self.timeout)")),
    Fault(key="api-tax-regression", risk_rank=3, service="shop-api", type="TypeError", rate=0, rhythm="incident", is_handled=False,
          message="unsupported operand type(s) for *: 'NoneType' and 'Decimal'", transaction="POST /checkout",
          calls=_calls("shop.checkout.views:checkout | total = tax.with_tax(cart, country)",
                       "shop.checkout.tax:with_tax | return net + rates.get(country) * net")),
    # --- payment: Java
    Fault(key="pay-declined", risk_rank=31, service="payment", type="com.shop.payment.CardDeclinedException", rate=58, severity="warning",
          message="Card {card} declined: insufficient funds (order {order})", transaction="POST /charge",
          calls=_calls("com.shop.payment.ChargeController:charge | var result = charges.charge(request);",
                       "com.shop.payment.ChargeService:charge | throw new CardDeclinedException(card, reason);")),
    Fault(key="pay-3ds", risk_rank=17, service="payment", type="java.lang.IllegalStateException", rate=15,
          message="3-D Secure answer for order {order} arrived twice", transaction="POST /3ds/callback",
          calls=_calls("com.shop.payment.ThreeDsController:callback | sessions.complete(id, answer);",
                       "com.shop.payment.ThreeDsSessions:complete | throw new IllegalStateException(message);")),
    Fault(key="pay-null", risk_rank=10, service="payment", type="java.lang.NullPointerException", rate=8, is_handled=False,
          message='Cannot invoke "com.shop.payment.Customer.getCountry()" because "customer" is null', transaction="POST /charge",
          calls=_calls("com.shop.payment.ChargeController:charge | var result = charges.charge(request);",
                       "com.shop.payment.FeeCalculator:fee | var country = customer.getCountry();")),
    Fault(key="pay-optimistic", risk_rank=21, service="payment", type="org.springframework.orm.ObjectOptimisticLockingFailureException", rate=6,
          message="Row was updated or deleted by another transaction: [com.shop.payment.Payment#{order}]", transaction="POST /capture",
          calls=_calls("com.shop.payment.CaptureService:capture | payments.save(payment);")),
    Fault(key="pay-timeout", risk_rank=4, service="payment", type="java.net.SocketTimeoutException", rate=0, rhythm="incident",
          message="Read timed out calling http://{host}:8080/orders/{order}", transaction="POST /charge",
          calls=_calls("com.shop.payment.ChargeController:charge | var result = charges.charge(request);",
                       "com.shop.payment.OrderClient:fetch | return http.get(uri, Order.class);"),
          cause=("java.io.IOException", "connection reset by peer")),
    Fault(key="pay-rate-limit", risk_rank=7, service="payment", type="com.shop.payment.fraud.TooManyRequestsException", rate=0, rhythm="incident",
          message="429 from fraud check: quota of 600 per minute is used up, retry in {n} s", error_code="429", transaction="POST /charge",
          calls=_calls("com.shop.payment.ChargeService:charge | fraud.score(request);",
                       "com.shop.payment.fraud.FraudClient:score | throw new TooManyRequestsException(retryAfter);")),
    # --- mail: Python, Celery
    Fault(key="mail-refused", risk_rank=34, service="mail", type="smtplib.SMTPRecipientsRefused", rate=19, severity="warning",
          message="{{'{email}': (550, b'5.1.1 user unknown')}}", transaction="mail.send_order_confirmation",
          calls=_calls("mail.tasks:send_order_confirmation | smtp.send_message(message)")),
    Fault(key="mail-template", risk_rank=23, service="mail", type="jinja2.exceptions.UndefinedError", rate=5,
          message="'order' has no attribute 'gift_note'", transaction="mail.send_order_confirmation",
          calls=_calls("mail.tasks:send_order_confirmation | body = template.render(order=order)",
                       "mail.templates.order:block_body | {{ order.gift_note.text }}")),
    Fault(key="mail-bounce", risk_rank=25, service="mail", type="UnicodeDecodeError", rate=4, transaction="mail.read_bounces",
          message="'utf-8' codec can't decode byte 0x{n} in position {ms}: invalid start byte",
          calls=_calls("mail.bounces:read | text = part.get_payload(decode=True).decode()")),
    Fault(key="mail-certificate", risk_rank=6, service="mail", type="ssl.SSLCertVerificationError", rate=0, rhythm="incident", severity="critical",
          message="[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)",
          transaction="mail.send_order_confirmation",
          calls=_calls("mail.tasks:send_order_confirmation | smtp.starttls(context=tls)",
                       "~smtplib:starttls | self.sock = context.wrap_socket(self.sock)")),
    # --- search: Java
    Fault(key="search-parse", risk_rank=33, service="search", type="org.apache.lucene.queryparser.classic.ParseException", rate=37, severity="warning",
          message="Cannot parse 'shoes size:{n}': Encountered \"<EOF>\" at line 1, column {ms}.", transaction="GET /query",
          calls=_calls("com.shop.search.QueryController:query | var query = parser.parse(text);")),
    Fault(key="search-index", risk_rank=28, service="search", type="java.io.FileNotFoundException", rate=3,
          message="/var/lib/search/segment_{n}.cfs (No such file or directory)", transaction="reindex", rhythm="flat",
          calls=_calls("com.shop.search.IndexJob:merge | var file = directory.open(name);")),
    Fault(key="search-facet", risk_rank=14, service="search", type="java.lang.ArrayIndexOutOfBoundsException", rate=12, is_handled=False,
          message="Index {n} out of bounds for length 16", transaction="GET /facets",
          calls=_calls("com.shop.search.FacetController:facets | return facets.count(query);",
                       "com.shop.search.FacetCounter:count | buckets[ordinal]++;")),
    Fault(key="search-memory", risk_rank=1, service="search", type="java.lang.OutOfMemoryError", rate=0, rhythm="incident", severity="fatal",
          message="Java heap space", transaction="GET /query", is_handled=False,
          calls=_calls("com.shop.search.QueryController:query | var hits = searcher.search(query, page);",
                       "com.shop.search.ResultCache:put | entries.put(key, hits.toArray());")),
    # --- batch: Python, at night
    Fault(key="batch-import", risk_rank=36, service="batch", type="batch.supplier.SkippedRow", rate=0, rhythm="incident", severity="warning",
          message="row {n} of supplier feed has no price, skipped", transaction="import_prices",
          calls=_calls("batch.supplier.feed:read | raise SkippedRow(number)")),
    Fault(key="batch-currency", risk_rank=24, service="batch", type="decimal.InvalidOperation", rate=6, rhythm="nightly",
          message="[<class 'decimal.ConversionSyntax'>]", transaction="import_prices",
          calls=_calls("batch.supplier.prices:convert | return Decimal(text) * rate")),
    Fault(key="batch-ftp", risk_rank=29, service="batch", type="ConnectionRefusedError", rate=3, rhythm="nightly",
          message="[Errno 111] Connection refused: ('{ip}', 21)", transaction="export_orders",
          calls=_calls("batch.export.orders:upload | ftp.connect(host, timeout=20)")),
)  # fmt: skip
