// Copies the shipped parts of the npm packages into static/vendor, with licence, version and sha256 (VENDOR.json).
// Run by `make assets` (maintainers only): npm ci, then node vendor.mjs. No Node is needed to run the product.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = join(HERE, "node_modules");
const TARGET = join(HERE, "../src/error_manager/integrations/web/static/vendor");
const MAX_COMPRESSED_BYTES = 300_000;

const FILES = [
  { package: "@tabler/core", source: "dist/css/tabler.min.css", target: "tabler.min.css" },
  { package: "htmx.org", source: "dist/htmx.min.js", target: "htmx.min.js" },
  { package: "uplot", source: "dist/uPlot.iife.min.js", target: "uplot.min.js" },
  { package: "uplot", source: "dist/uPlot.min.css", target: "uplot.min.css" },
];

// One sprite instead of 5,000 files: the icons that the templates name.
const ICONS = [
  "activity", "alert-triangle", "arrow-back-up", "bell-off", "bulb", "check", "chevron-down", "chevron-left", "chevron-right", "clock", "copy",
  "layout-list", "logout", "menu-2", "moon", "plug-connected", "search", "sun", "thumb-down", "thumb-up",
];

// The package of Tabler's CSS carries its licence as a name and a banner; the text is that of the same project's icons.
const LICENSES = {
  "@tabler/core": "@tabler/icons/LICENSE",
  "@tabler/icons": "@tabler/icons/LICENSE",
  "htmx.org": "htmx.org/LICENSE",
  uplot: "uplot/LICENSE",
};

const manifest = (name) => JSON.parse(readFileSync(join(MODULES, name, "package.json"), "utf8"));

function strippedOfMaps(text) {
  return text.replace(/\n?\/[/*]# sourceMappingURL=.*?(\*\/)?\s*$/, "\n");
}

function sprite() {
  const symbols = ICONS.map((name) => {
    const svg = readFileSync(join(MODULES, "@tabler/icons/icons/outline", `${name}.svg`), "utf8");
    const paths = [...svg.matchAll(/<(?:path|circle|line|rect)[^>]*\/>/g)].map(([tag]) => tag);
    const drawn = paths.filter((tag) => !tag.includes('stroke="none"')).join("");
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" ` +
      `stroke-linecap="round" stroke-linejoin="round">${drawn}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}

function write(name, text, source, records) {
  const bytes = Buffer.from(text);
  writeFileSync(join(TARGET, name), bytes);
  const { version, license } = manifest(source);
  records.push({
    file: name,
    package: source,
    version,
    license,
    license_file: `LICENSE.${source.replace("@", "").replace("/", "-")}`,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    size_bytes: bytes.length,
    compressed_bytes: gzipSync(bytes, { level: 9 }).length,
  });
}

rmSync(TARGET, { recursive: true, force: true });
mkdirSync(TARGET, { recursive: true });
const records = [];
for (const { package: source, source: path, target } of FILES) {
  write(target, strippedOfMaps(readFileSync(join(MODULES, source, path), "utf8")), source, records);
}
write("icons.svg", sprite(), "@tabler/icons", records);
for (const [source, path] of Object.entries(LICENSES)) {
  writeFileSync(join(TARGET, `LICENSE.${source.replace("@", "").replace("/", "-")}`), readFileSync(join(MODULES, path)));
}
const total = records.reduce((sum, record) => sum + record.compressed_bytes, 0);
if (total > MAX_COMPRESSED_BYTES) {
  throw new Error(`assets take ${total} bytes compressed, the cap is ${MAX_COMPRESSED_BYTES}`);
}
writeFileSync(join(TARGET, "VENDOR.json"), `${JSON.stringify(records, null, 2)}\n`);
console.log(records.map((r) => `${r.file} ${r.package}@${r.version} ${r.compressed_bytes} B`).join("\n"));
console.log(`total ${total} B compressed`);
