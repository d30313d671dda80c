// What the applications share: they report to the DSN in the first argument and print the ids they sent.
import * as Sentry from "@sentry/node";

Sentry.init({
  dsn: process.argv[2],
  release: "shop-web@2.0.1",
  environment: "staging",
  beforeSend(event) {
    console.log(`sent ${event.event_id}`);
    return event;
  },
});

export { Sentry };
