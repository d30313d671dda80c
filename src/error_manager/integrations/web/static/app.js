// What pages do beyond HTML: keys, copying, times in the reader's zone, and liveness by server-sent events.
(() => {
  "use strict";
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // --- times: the server writes UTC; the hover shows the reader's own zone
  const SPANS = [[60, 1, "s", "s"], [3600, 60, "min", "min"], [86400, 3600, "h", "h"],
    [45 * 86400, 86400, "day", "days"], [365 * 86400, 30.44 * 86400, "month", "months"]];
  function spanText(seconds) {
    for (const [limit, unit, word, words] of SPANS) {
      if (seconds < limit) {
        const count = Math.trunc(seconds / unit);
        return `${count} ${count === 1 ? word : words}`;
      }
    }
    const years = Math.trunc(seconds / (365 * 86400));
    return `${years} ${years === 1 ? "year" : "years"}`;
  }
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  function showTimes(from = document) {
    for (const element of all("time[data-relative]", from)) {
      const then = new Date(element.dateTime);
      const seconds = (Date.now() - then) / 1000;
      element.title = zoned.format(then);
      if (Math.abs(seconds) < 5) element.textContent = "just now";
      else element.textContent = seconds > 0 ? `${spanText(seconds)} ago` : `in ${spanText(-seconds)}`;
    }
  }

  const named = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  for (const element of all("time[data-moment]")) {
    const then = new Date(element.dateTime);
    element.title = zoned.format(then);
    element.textContent = named.format(then);
  }
  for (const element of all("[data-zone]")) element.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;

  // --- toasts and copying
  function toast(text) {
    const box = one("#toasts");
    if (!box) return;
    const note = document.createElement("div");
    note.className = "em-toast";
    note.textContent = text;
    box.replaceChildren(note);
    fade(note);
  }
  function fade(element) {
    setTimeout(() => element.remove(), 10000);
  }
  async function copy(text, word) {
    try {
      await navigator.clipboard.writeText(text);
      toast(`${word} copied`);
    } catch {
      toast("The browser does not allow copying here. Select the text and copy it by hand.");
    }
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) return copy(one(button.dataset.copy).textContent.trimEnd(), "Text");
    const link = event.target.closest("[data-copy-from]");
    if (link && navigator.clipboard && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const answer = await fetch(link.href, { headers: { Accept: "text/plain" } });
      return answer.ok ? copy(await answer.text(), link.textContent.trim()) : toast("This error is gone.");
    }
    if (event.target.closest("[data-keys]")) return one("#keys")?.showModal();
    for (const open of all("details.em-dropdown[open], details.em-person[open], details.em-drawer[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  // --- rows: a click anywhere opens; selecting text does not
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (!row || event.target.closest("a, button, label, input") || getSelection().toString()) return;
    const { href } = one("a", row);
    if (event.ctrlKey || event.metaKey) window.open(href, "_blank", "noopener");
    else location.assign(href);
  });

  // --- filters: a changed choice is applied at once; empty fields stay out of the address
  for (const form of all("form[data-submit-on-change]")) {
    form.addEventListener("change", (event) => {
      if (event.target.matches("select")) form.requestSubmit();
    });
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
    });
  }

  // --- keys
  const rows = () => all("[data-row]");
  const marked = () => one("[data-row].em-marked");
  function mark(step) {
    const list = rows();
    if (!list.length) return;
    const at = list.indexOf(marked());
    const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + step))];
    marked()?.classList.remove("em-marked");
    next.classList.add("em-marked");
    next.scrollIntoView({ block: "nearest" });
    one("a", next).focus({ preventScroll: true });
  }
  function act(action) {
    const place = marked() || one("#pattern-head");
    if (!place) return;
    const state = place.matches("[data-row]") ? one("[data-status]", place) : place;
    const isOpen = state.dataset.status === "unresolved";
    window.htmx.ajax("POST", place.dataset.action + (state === place ? "" : "?view=row"), {
      target: state, swap: "outerHTML", values: { action: isOpen ? action : "reopen" },
    });
  }

  // --- merging: marked rows are named in the bar at the foot, the largest as the one to merge into
  const marks = () => all('input[form="marking"]:checked');
  function showMarks() {
    const bar = one("#marking");
    if (!bar) return;
    const list = marks().sort((a, b) => b.dataset.count - a.dataset.count);
    const choice = one("select", bar);
    const before = choice.value;
    choice.replaceChildren(...list.map((box) => new Option(`${box.dataset.title} (${compact(Number(box.dataset.count))})`, box.value)));
    if (list.some((box) => box.value === before) && choice.dataset.chosen) choice.value = before;
    else delete choice.dataset.chosen;
    const isOneProject = new Set(list.map((box) => box.dataset.project)).size < 2;
    one("[data-marked]", bar).textContent = isOneProject ? `${list.length} marked` : "Marked patterns must be of one project";
    one("[data-merge-marked]", bar).disabled = list.length < 2 || !isOneProject;
  }
  document.addEventListener("change", (event) => {
    if (event.target.form?.id !== "marking") return;
    if (event.target.matches("select")) event.target.dataset.chosen = "yes";
    else showMarks();
  });
  document.addEventListener("reset", () => setTimeout(showMarks));
  function toggleMark() {
    const box = one('input[form="marking"]', marked() || document.createElement("i"));
    if (!box) return;
    box.checked = !box.checked;
    showMarks();
  }
  function merge() {
    const link = one("[data-merge]");
    if (link) return link.click();
    const button = one("[data-merge-marked]");
    if (!button) return;
    if (button.disabled || marks().length < 2) toast("Mark two or more patterns of one project with x first.");
    else button.form.requestSubmit(button);
  }
  function showRows() {
    window.htmx.ajax("GET", location.href, { target: "#rows", select: "#rows", swap: "outerHTML" }).then(showMarks);
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const asked = event.detail.requestConfig.elt; // an undo replaces its own form, and then happens to the page
    if (event.detail.successful && asked.closest("[data-refresh-rows]")) showRows();
  });

  const go = { i: "insights", p: "patterns", c: "connect", s: "status" };
  const keys = {
    "/": () => one("[data-key-search]")?.focus(),
    "?": () => one("#keys")?.showModal(),
    j: () => (rows().length ? mark(1) : one("[data-older]")?.click()),
    k: () => (rows().length ? mark(-1) : one("[data-newer]")?.click()),
    Enter: () => one("a", marked() || document.createElement("i"))?.click(),
    r: () => act("resolve"),
    i: () => act("ignore"),
    x: toggleMark,
    m: merge,
    c: () => copy(location.href, "Link"),
  };
  let before = "";
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) typing.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const isGo = before === "g" && go[event.key];
    const run = isGo ? () => one(`[data-go="${go[event.key]}"]`)?.click() : keys[event.key];
    before = event.key;
    if (!run) return;
    event.preventDefault();
    run();
  });

  // --- liveness: one connection per page; parts of the page fetch themselves anew on "em-live"
  const news = { patterns: new Set(), errors: 0 };
  function tell(message) {
    const box = one("[data-news]");
    if (box) {
      for (const [id, , isNew] of message.patterns) {
        if (isNew || !one(`[data-pattern="${CSS.escape(String(id))}"]`)) news.patterns.add(id);
      }
      news.errors += message.accepted;
      const count = news.patterns.size;
      const words = count ? `${count} new pattern${count === 1 ? "" : "s"}` : `${news.errors} more error${news.errors === 1 ? "" : "s"}`;
      box.textContent = `${words}. Show`;
      box.hidden = !news.errors && !count;
    }
    const page = one("[data-pattern-page]");
    const mine = page && message.patterns.find(([id]) => String(id) === page.dataset.patternPage);
    const fresh = one("[data-fresh]");
    if (mine && fresh) {
      news.errors += mine[1];
      fresh.textContent = `${news.errors} new`;
      fresh.hidden = false;
    }
  }
  function compact(number) {
    for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (number >= limit) {
        const tenths = Math.trunc((number / limit) * 10) / 10;
        return `${tenths < 10 ? tenths : Math.trunc(tenths)}${unit}`;
      }
    }
    return String(number);
  }
  function showLedger(ledger) {
    for (const place of all("[data-ledger] .em-num")) {
      const number = ledger[place.parentElement.dataset.ledger];
      place.textContent = compact(number);
      place.title = number.toLocaleString("en").replaceAll(",", "\u202f");
    }
    for (const place of all("[data-when]")) place.hidden = !ledger[place.dataset.when];
    const dot = one("[data-ledger-dot]");
    dot?.classList.toggle("em-dot-on", ledger.healthy);
    dot?.classList.toggle("em-dot-off", !ledger.healthy);
  }
  function listen() {
    const address = document.body.dataset.live;
    if (!address || !window.EventSource) return;
    const { project } = document.body.dataset;
    const source = new EventSource(project ? `${address}?project=${project}` : address);
    let due = 0;
    const refresh = () => {
      due = 0;
      document.body.dispatchEvent(new CustomEvent("em-live"));
    };
    source.addEventListener("open", () => word("live"));
    source.addEventListener("error", () => {
      word(source.readyState === EventSource.CLOSED ? "not live" : "reconnecting");
      window.htmx.trigger("#ledger", "em-check");
    });
    source.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.ledger) showLedger(message.ledger);
      if (!message.patterns && !message.resync && !message.ledger) return;
      tell({ accepted: 0, patterns: [], ...message });
      // The first of a burst is shown at once, the rest at most twice a second.
      if (!due) {
        refresh();
        due = setTimeout(refresh, 500);
      }
    });
    addEventListener("pagehide", () => source.close());
  }
  let liveWord = "";
  function word(text) {
    liveWord = text;
    for (const place of all("[data-live-word]")) {
      place.textContent = text;
      place.classList.toggle("em-bad", text !== "live");
    }
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-news]")) return;
    Object.assign(news, { patterns: new Set(), errors: 0 });
    one("[data-news]").hidden = true;
    showRows();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    showTimes(event.detail.elt?.parentElement || document);
    word(liveWord);
    for (const note of all("[data-toast]")) fade(note);
  });
  // The dot is green only while it is known to be true: an unanswered question takes the green away.
  function ledgerFailed(status) {
    const dot = one("[data-ledger-dot]");
    dot?.classList.remove("em-dot-on");
    dot?.classList.add("em-dot-off");
    word(status === 503 ? "the database is away; errors are still accepted and kept" : "the server does not answer");
  }
  function refusal(answer) {
    const isTold = [404, 409, 422].includes(answer?.status) && answer.getResponseHeader("content-type")?.includes("json");
    return isTold ? JSON.parse(answer.responseText).detail : "That did not work; nothing was changed. Try again.";
  }
  for (const failure of ["htmx:responseError", "htmx:sendError"]) {
    document.addEventListener(failure, (event) => {
      if (event.detail.target?.id === "ledger") ledgerFailed(event.detail.xhr?.status);
      if (event.detail.requestConfig?.verb !== "get") toast(refusal(event.detail.xhr));
    });
  }
  // What was just done is said once: a reload or a copied link does not say it again.
  const here = new URL(location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }
  showMarks();
  showTimes();
  setInterval(showTimes, 20000);
  listen();
})();
