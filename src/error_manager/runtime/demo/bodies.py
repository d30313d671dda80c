"""Turns a moment of the demo into the JSON of one error, as a client of ours would send it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from error_manager.core.types import EventId
from error_manager.runtime.demo.faults import SERVICES, Fault, Service
from error_manager.runtime.demo.schedule import Moment
from error_manager.runtime.demo.stacks import JsonDict, frames

_BROWSERS: Final = (("Chrome", "141.0"), ("Safari", "19.1"), ("Firefox", "144.0"), ("Edge", "141.0"))
_SYSTEMS: Final = (("Windows", "11"), ("macOS", "15.7"), ("Android", "16"), ("iOS", "19.1"))
_REGIONS: Final = ("eu-west", "eu-west", "eu-west", "us-east", "ap-south")
_RUNTIMES: Final = {
    "python": ("CPython", "3.12.8"),
    "java": ("OpenJDK", "21.0.6"),
    "javascript": ("browser", ""),
}
_CUSTOMERS: Final = 24_000
_BOT: Final = ("203.0.113.66", "PriceGrabber/0.3")
_RELEASE_DAYS: Final = {  # day and hour of each release, counted from the start of the demo
    "web@5.1.1": 3.4, "web@5.2.0": 8.45, "api@2.7.4": 2.42, "api@2.8.0": 9.585, "api@2.8.1": 9.735,
    "payment@1.20.0": 5.4, "search@3.4.1": 7.0,
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


class BodyMaker:
    """Makes bodies; the same seed and start give the same bytes."""

    def __init__(self, start: datetime, *, seed: int, name: str) -> None:
        """Keep when the demo begins (UTC midnight), its seed, and the name that its ids are made from."""
        self._start = start
        self._seed = seed
        self._name = name
        self._stacks: dict[str, tuple[JsonDict, ...]] = {}

    def body(self, moment: Moment, index: int) -> tuple[EventId, bytes]:
        """Return (event id, JSON) of the ``index``-th error."""
        event_id = self.event_id(index)
        rng = Random(f"{self._seed}:{index}")  # noqa: S311  # demo data, not a secret
        fault, service = moment.fault, SERVICES[moment.fault.service]
        values = _values(moment, service, rng)
        message = fault.message.format(**values)
        event: JsonDict = {
            "event_id": event_id,
            "timestamp": moment.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "message": f"{fault.type}: {message}",
            "severity": fault.severity,
            "platform": service.platform,
            "service": service.slug,
            "server_name": values["server"],
            "release": self.release(service, moment.at),
            "environment": "production" if rng.random() < 0.94 else "staging",
            "transaction": fault.transaction,
            "exceptions": self._exceptions(fault, service, message, values),
            "tags": _tags(service, values, rng),
            "user": {"id": values["user"], "email": values["email"], "ip_address": values["ip"]},
            "contexts": _contexts(service, values, rng),
            "breadcrumbs": _breadcrumbs(moment, values, rng),
        }
        if fault.error_code:
            event["error_code"] = fault.error_code
        if service.platform != "java":
            event["request"] = _request(fault, values)
        return event_id, _encode(event)

    def event_id(self, index: int) -> EventId:
        """Return the id of the ``index``-th error; the same in each run, so that nothing is stored twice."""
        text = f"{self._name}:{index}"
        return EventId(hashlib.blake2b(text.encode(), digest_size=16).hexdigest())

    def release(self, service: Service, at: datetime) -> str:
        """Return the release of a service at a time."""
        current = service.releases[0]
        for release in service.releases[1:]:
            if at >= self._start + timedelta(days=_RELEASE_DAYS[release]):
                current = release
        return current

    def _exceptions(
        self, fault: Fault, service: Service, message: str, values: dict[str, str]
    ) -> list[JsonDict]:
        known = self._stacks.get(fault.key)
        if known is None:
            known = self._stacks[fault.key] = tuple(
                frames(service.platform, service.framework, fault.calls, {})
            )
        stack = list(known)
        if service.platform != "java":
            stack[-1] = {**stack[-1], "variables": _locals(fault, values)}
        chain: list[JsonDict] = []
        if fault.cause:
            chain.append(
                {"type": fault.cause[0], "value": fault.cause[1], "frames": stack[-1:], "source": "__cause__"}
            )
        module, _, name = fault.type.rpartition(".")
        chain.append(
            {
                "type": name,
                "value": message,
                "module": module,
                "frames": stack,
                "mechanism": service.framework,
                "is_handled": fault.is_handled,
            }
        )
        return chain


def _values(moment: Moment, service: Service, rng: Random) -> dict[str, str]:
    """Return what varies from error to error."""
    customer = min(
        int(rng.paretovariate(0.9)) * 7 + rng.randrange(7), _CUSTOMERS
    )  # few customers cause many errors
    is_bot = moment.incident == "noisy_bot"
    return {
        "order": str(1_040_000 + rng.randrange(90_000)),
        "user": "bot" if is_bot else str(50_000 + customer),
        "email": f"customer{customer}@mail.example",
        "ip": _BOT[0] if is_bot else f"198.51.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        "agent": _BOT[1] if is_bot else "Mozilla/5.0",
        "sku": f"{rng.randrange(4000):05d}",
        "host": f"db-{1 + rng.randrange(2)}.shop.internal",
        "ms": str(rng.randrange(3, 9000)),
        "n": str(rng.randrange(2, 250)),
        "card": "4242 4242 4242 4242",
        "server": rng.choice(service.hosts),
    }


def _locals(fault: Fault, values: dict[str, str]) -> JsonDict:
    return {
        "order": f"<Order {values['order']} user={values['user']}>",
        "cart": f"Cart(lines={int(values['n']) % 7 + 1}, sku='SKU-{values['sku']}')",
        "attempt": values["n"][-1],
        "password": "'correct horse battery staple'" if fault.key == "api-auth" else "None",
    }


def _tags(service: Service, values: dict[str, str], rng: Random) -> dict[str, str]:
    tags = {"region": rng.choice(_REGIONS), "tenant": "b2c" if rng.random() < 0.85 else "b2b"}
    if service.slug in {"shop-api", "payment"}:
        tags["db_host"] = values["host"]
    return tags


def _contexts(service: Service, values: dict[str, str], rng: Random) -> dict[str, JsonDict]:
    name, version = _RUNTIMES[service.platform]
    contexts: dict[str, JsonDict] = {"runtime": {"name": name, "version": version}}
    if service.platform == "javascript":
        browser, system = rng.choice(_BROWSERS), rng.choice(_SYSTEMS)
        if values["agent"] != "Mozilla/5.0":
            browser = ("PriceGrabber", "0.3")
        contexts = {
            "browser": {"name": browser[0], "version": browser[1]},
            "os": {"name": system[0], "version": system[1]},
        }
    return contexts


def _request(fault: Fault, values: dict[str, str]) -> JsonDict:
    method, _, path = fault.transaction.rpartition(" ")
    return {
        "url": f"https://shop.example{path.replace('<sku>', 'SKU-' + values['sku'])}",
        "method": method or "GET",
        "headers": {
            "User-Agent": values["agent"],
            "Accept": "*/*",
            "Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9",
        },
    }


def _breadcrumbs(moment: Moment, values: dict[str, str], rng: Random) -> list[JsonDict]:
    steps = (
        ("http", "GET /products/SKU-" + values["sku"], 21.0),
        ("ui.click", "button.add-to-cart", 9.5),
        ("query", f"orders.find_one(id={values['order']})", 0.4),
    )
    return [
        {
            "timestamp": (moment.at - timedelta(seconds=before * rng.uniform(0.7, 1.3)))
            .astimezone(UTC)
            .strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "category": category,
            "message": message,
            "level": "info",
        }
        for category, message, before in steps
    ]
