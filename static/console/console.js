// What moves on the console's pages. Everything works without it, but for refreshing and copying.
"use strict";

(() => {
  const LATE = 3; // intervals without an answer until the figures are called stale
  const REFUSALS = { 403: "you may not see them", 404: "what they tell of is gone", 503: "the database is away" };

  function refresh(part) {
    const every = Number(part.dataset.every) * 1000;
    const warning = document.querySelector("[data-stale]");
    let last = Date.now();
    let asking = false;

    function tell(text) {
      part.classList.toggle("is-stale", Boolean(text));
      if (!warning || warning.textContent === text) return;
      warning.textContent = text;
      warning.hidden = !text;
    }

    function judge(reason) {
      if (Date.now() - last < LATE * every) return;
      const since = new Date(last).toISOString().slice(11, 19); // every time of the console is UTC
      tell(`These figures are from ${since} UTC and no longer true: ${reason}. Trying again.`);
    }

    // What has the focus must not be another button a moment later.
    function inUse() {
      const focus = document.activeElement;
      return part.contains(focus) && !focus.matches("[tabindex='0']");
    }

    async function ask() {
      if (asking || document.hidden) return;
      asking = true;
      try {
        const answer = await fetch(part.dataset.refresh, { credentials: "same-origin", redirect: "error", cache: "no-store", signal: AbortSignal.timeout(10000) });
        if (answer.ok) {
          const text = await answer.text();
          if (inUse()) return judge("a link or button in them has the focus");
          part.innerHTML = text;
          last = Date.now();
          tell("");
          if (part.querySelector("[data-over]")) clearInterval(timer);
        } else {
          judge(REFUSALS[answer.status] || `the server answers ${answer.status}`);
        }
      } catch (error) {
        judge("the server does not answer, or you are logged out");
      } finally {
        asking = false;
      }
    }

    const timer = setInterval(ask, every);
    document.addEventListener("visibilitychange", ask);
  }

  async function copy(button) {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) { // no clipboard without TLS: leave it selected
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Selected: press Ctrl-C";
      return;
    }
    button.textContent = "Copied";
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-refresh]").forEach(refresh);
  });
  // The theme's searchable selects do not say what they are for.
  function nameSelects() {
    document.querySelectorAll("select.select2-hidden-accessible").forEach((select) => {
      const box = select.parentElement.querySelector(".select2 [role=combobox]");
      const label = document.querySelector(`label[for="${select.id}"]`);
      if (!box || !label) return;
      box.setAttribute("aria-label", label.textContent.trim());
      box.querySelectorAll("[role=textbox]").forEach((inner) => {
        inner.removeAttribute("role");
        inner.removeAttribute("aria-readonly");
      });
    });
  }
  window.addEventListener("load", () => setTimeout(nameSelects, 0)); // once the theme has made them
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    const all = event.target.closest("[data-check-all]");
    if (all) document.querySelectorAll(`input[name="${all.dataset.checkAll}"]`).forEach((box) => { box.checked = all.checked; });
  });
  document.addEventListener("submit", (event) => {
    const text = event.target.dataset.confirm;
    if (text && !confirm(text)) event.preventDefault();
  });
})();
