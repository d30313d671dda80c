// An HTTP server whose handler fails; the process visits itself and then ends.
import { createServer, get } from "node:http";
import { Sentry } from "./reporting.mjs";

function handle(request) {
  throw new SyntaxError(`no page for ${request.method} ${request.url}`); // crash
}

const server = createServer((request, response) => {
  try {
    handle(request);
  } catch (error) {
    Sentry.captureException(error);
    response.statusCode = 500;
    response.end();
  }
});

server.listen(0, "127.0.0.1", () => {
  get({ port: server.address().port, host: "127.0.0.1", path: "/offers?article=lamp" }, async (response) => {
    console.log(`status ${response.statusCode}`);
    response.resume();
    await Sentry.flush(5000);
    server.close();
    server.closeAllConnections();
  });
});
