// Runs before the page is drawn, so that a dark page never flashes white. The choice is kept in this browser.
(() => {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("em-theme");
    } catch {
      return null; // storage is switched off
    }
  };
  const apply = () => root.setAttribute("data-bs-theme", kept() || (system.matches ? "dark" : "light"));
  apply();
  root.classList.add("em-js");
  system.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("em-theme", next);
    } catch {
      // kept for this page only
    }
    root.setAttribute("data-bs-theme", next);
    document.dispatchEvent(new CustomEvent("em-theme"));
  });
})();
