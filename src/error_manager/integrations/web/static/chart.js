// Draws the history of a pattern with uPlot over the still image the server made: bars before the band of what is
// usual, the forecast with its band beyond them, anomalies as shades and releases and deploys as marks.
(() => {
  "use strict";
  const place = document.querySelector("[data-chart]");
  if (!place || !window.uPlot) return;
  const told = JSON.parse(place.dataset.chart);
  const known = told.starts.length;
  const beyond = told.ahead;
  const starts = [...told.starts, ...beyond.map((row) => row[0])];
  const counts = [...told.counts, ...beyond.map(() => null)];
  const ahead = [1, 2, 3].map((at) => [...told.starts.map(() => null), ...beyond.map((row) => row[at])]);
  // [low, high] of every bucket: of the past what is usual, then the forecast.
  const bands = [...told.starts.map((_, at) => told.usual[at] ?? null), ...beyond.map((row) => [row[2], row[3]])];
  const highest = Math.max(1, ...told.counts, ...bands.map((band) => band?.[1] ?? 0));
  const isDay = place.dataset.bucket === "day";
  const zone = isDay ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const step = isDay ? 86400 : 3600;
  const label = new Intl.DateTimeFormat(undefined, isDay
    ? { timeZone: "UTC", dateStyle: "medium" }
    : { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { timeZone: isDay ? "UTC" : undefined, month: "short", day: "numeric" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  // Midnight carries the day, other ticks the hour; a day chart has days alone.
  function tick(seconds) {
    const time = new Date(seconds * 1000);
    return isDay || (time.getHours() === 0 && time.getMinutes() === 0) ? day.format(time) : hour.format(time);
  }
  let chart = null;

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  // Behind the bars: when it was unusual, and what is still to come.
  function shade(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = color("--em-bad-soft");
    for (const [from, until] of told.spans) {
      const left = Math.max(bbox.left, u.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, u.valToPos(until ?? told.starts[known - 1] + step, "x", true));
      if (right > left) ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    }
    ctx.restore();
    band(u, "--em-usual", 0, known);
    band(u, "--em-band", known, bands.length);
  }
  // The bands of buckets in a color, each as wide as its bucket; at least a line, for one that holds zero alone.
  function band(u, name, first, end) {
    const { ctx } = u;
    ctx.save();
    ctx.fillStyle = color(name);
    for (let at = first; at < end; at++) {
      if (!bands[at]) continue;
      const [left, right] = [starts[at], starts[at] + step].map((time) => Math.round(u.valToPos(time, "x", true)));
      const [bottom, top] = bands[at].map((count) => Math.round(u.valToPos(count, "y", true)));
      const height = Math.max(2 * window.devicePixelRatio, bottom - top);
      ctx.fillRect(left, bottom - height, right - left, height);
    }
    ctx.restore();
  }
  // A line through buckets as steps, where ``count(at)`` knows one; that of the bucket that goes on stands alone.
  function steps(u, count, first, end) {
    const { ctx } = u;
    let isOn = false;
    for (let at = first; at < end; at++) {
      if (count(at) == null) { isOn = false; continue; }
      const [left, right] = [starts[at], starts[at] + step].map((time) => Math.round(u.valToPos(time, "x", true)));
      const y = Math.round(u.valToPos(count(at), "y", true)) + window.devicePixelRatio / 2;
      if (isOn && at !== known - 1) ctx.lineTo(left, y);
      else ctx.moveTo(left, y);
      ctx.lineTo(right, y);
      isOn = true;
    }
  }
  // Over the bars, which hide the band itself: its edges, light around so that they show on a bar; and the forecast.
  function lines(u) {
    const { ctx } = u, pixel = window.devicePixelRatio;
    ctx.save();
    ctx.setLineDash([]);
    ctx.beginPath();
    for (const side of [0, 1]) steps(u, (at) => bands[at]?.[side], 0, known);
    for (const [name, width] of [["--em-usual-halo", 3], ["--em-usual-line", 1]]) {
      ctx.strokeStyle = color(name);
      ctx.lineWidth = width * pixel;
      ctx.stroke();
    }
    ctx.strokeStyle = color("--em-accent");
    ctx.lineWidth = 2 * pixel;
    ctx.setLineDash([4 * pixel, 4 * pixel]);
    ctx.beginPath();
    steps(u, (at) => ahead[0][at], known, starts.length);
    ctx.stroke();
    ctx.restore();
  }
  function mark(u) {
    lines(u);
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color("--em-muted");
    ctx.lineWidth = window.devicePixelRatio;
    ctx.setLineDash([3 * ctx.lineWidth, 3 * ctx.lineWidth]);
    for (const [at] of told.marks) {
      const x = Math.round(u.valToPos(at, "x", true));
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - 4 * ctx.lineWidth, bbox.top);
      ctx.lineTo(x + 4 * ctx.lineWidth, bbox.top);
      ctx.lineTo(x, bbox.top + 6 * ctx.lineWidth);
      ctx.fill();
    }
    ctx.restore();
  }
  // What stands at a bucket beside its count: the forecast, an anomaly, a release.
  function words(at) {
    const said = [];
    if (counts[at] != null) said.push(`${counts[at].toLocaleString()} error${counts[at] === 1 ? "" : "s"}`);
    if (at < known && bands[at]) {
      const [low, high] = bands[at].map((count) => count.toLocaleString());
      said.push(`usually ${low === high ? low : `${low} to ${high}`}`);
    }
    if (ahead[0][at] != null) {
      const [point, low, high] = ahead.map((series) => series[at].toLocaleString(undefined, { maximumSignificantDigits: 2 }));
      said.push(`${point} expected (${low} to ${high})`);
    }
    const from = starts[at], until = from + step;
    for (const [time, what] of told.marks) if (time >= from && time < until) said.push(what);
    for (const [start, end, what] of told.spans) if (start < until && (end ?? Infinity) >= from) said.push(what);
    return said.slice(0, 4).join(" · ");
  }
  function draw() {
    chart?.destroy();
    place.replaceChildren();
    const readout = document.querySelector("[data-readout]");
    const idle = `errors per ${place.dataset.bucket}, ${zone}`;
    readout.textContent = idle;
    const line = { stroke: color("--em-line"), width: 1 };
    const axis = { stroke: color("--em-muted"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    chart = new window.uPlot({
      width: place.clientWidth,
      height: place.clientHeight,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      tzDate: isDay ? (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "UTC") : undefined,
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: true, range: () => [starts[0], starts[starts.length - 1] + step] },
        y: { range: () => [0, highest * 1.05] },
      },
      series: [{}, {
        fill: color("--em-accent"), stroke: color("--em-accent"), width: 0, points: { show: false },
        paths: window.uPlot.paths.bars({ align: 1, size: [0.9, 60, 1], gap: 0 }),
      }],
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 24, values: (u, ticks) => ticks.map(tick) },
        { ...axis, grid: line, space: 36, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
          values: (u, ticks) => ticks.map((v) => (v >= 1000 ? `${v / 1000}k` : String(v))) },
      ],
      hooks: { setCursor: [(u) => {
        const at = u.cursor.idx;
        readout.textContent = at == null ? idle
          : `${label.format(new Date(starts[at] * 1000))}: ${words(at)}`;
      }], drawClear: [shade], draw: [mark] },
    }, [starts, counts], place);
  }
  draw();
  document.querySelector("[data-legend]")?.removeAttribute("hidden");  // it tells of what only the script draws
  document.addEventListener("em-theme", draw);
  new ResizeObserver(() => {
    const size = { width: place.clientWidth, height: place.clientHeight };
    if (chart.width !== size.width || chart.height !== size.height) chart.setSize(size);
  }).observe(place);
})();
