// A page of a shop: a click fails without a handler, a promise is rejected, and one error is caught.
import * as Sentry from "@sentry/browser";

const settings = new URLSearchParams(location.search);
window.sent = [];
Sentry.init({
  dsn: settings.get("dsn"),
  tunnel: settings.get("tunnel") ?? undefined,
  release: "shop-page@3.1.0",
  environment: "staging",
  beforeSend(event) {
    window.sent.push(event.event_id);
    return event;
  },
});
Sentry.setTag("shop", "north");
Sentry.setUser({ id: "u-17", username: "ada" });

function addToCart(article) {
  return article.price.amount; // crash
}

document.querySelector("#buy").addEventListener("click", () => addToCart({}));
document.querySelector("#reject").addEventListener("click", () => {
  Promise.reject(new RangeError("no such page"));
});
document.querySelector("#report").addEventListener("click", () => {
  Sentry.captureException(new Error("delivery failed", { cause: new TypeError("address is empty") }));
});
