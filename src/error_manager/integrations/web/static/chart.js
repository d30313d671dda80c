// Draws the history of a pattern with uPlot over the still image the server made.
(() => {
  "use strict";
  const place = document.querySelector("[data-chart]");
  if (!place || !window.uPlot) return;
  const [starts, counts] = JSON.parse(place.dataset.chart);
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
        y: { range: (u, low, high) => [0, Math.max(1, high || 0) * 1.05] },
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
          : `${label.format(new Date(starts[at] * 1000))}: ${counts[at].toLocaleString()} error${counts[at] === 1 ? "" : "s"}`;
      }] },
    }, [starts, counts], place);
  }
  draw();
  document.addEventListener("em-theme", draw);
  new ResizeObserver(() => {
    const size = { width: place.clientWidth, height: place.clientHeight };
    if (chart.width !== size.width || chart.height !== size.height) chart.setSize(size);
  }).observe(place);
})();
