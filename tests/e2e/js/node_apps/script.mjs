// An error with a cause, a group, a bare message, a thrown object that is no error, and an uncaught rejection.
import { Sentry } from "./reporting.mjs";

class PaymentError extends Error {
  name = "PaymentError";
}

function charge(amount) {
  return amount.total.toFixed(2); // cause
}

function pay(order) {
  try {
    return charge({});
  } catch (error) {
    throw new PaymentError(`order ${order} cannot be paid`, { cause: error }); // crash
  }
}

Sentry.setTag("shop", "north");
Sentry.setTag("attempt", 2);
Sentry.setUser({ id: "u-17", username: "ada" });
Sentry.addBreadcrumb({ category: "cart", message: "order is complete", data: { lines: 3 } });
try {
  pay(7);
} catch (error) {
  Sentry.captureException(error);
}
Sentry.captureException(new AggregateError([new TypeError("east sent nonsense"), new RangeError("west is away")], "no offer"));
Sentry.captureMessage("stock is low", "warning");
Sentry.captureException({ code: 17, reason: "closed" });
await Sentry.flush(5000);
Promise.reject(new Error("nobody waits for this")); // rejected
