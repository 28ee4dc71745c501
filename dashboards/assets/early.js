// Chooses the theme before anything is painted.
(() => {
  const asked = new URLSearchParams(location.search).get("theme");
  let kept = null;
  try { kept = localStorage.getItem("infralogs.theme"); } catch { /* storage is off: the system's theme it is */ }
  const theme = [asked, kept].find((word) => ["light", "dark", "auto"].includes(word)) ?? "auto";
  document.documentElement.dataset.theme = theme;
})();
