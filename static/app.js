// What links and forms cannot do by themselves. Without this file every page still works.
"use strict";

// Only what a script can do is shown once there is one.
function reveal(root) {
  root.querySelectorAll("[data-copy-link]").forEach((button) => { button.hidden = false; });
}

// On a phone the tabs scroll sideways: the current one stands where it is seen.
function showCurrentTab() {
  const tabs = document.querySelector(".tabs");
  const current = tabs && tabs.querySelector("[aria-current]");
  if (current) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
}

function say(text) {
  const toast = document.getElementById("toast");
  toast.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.textContent = ""; }, 6000);
}

document.addEventListener("DOMContentLoaded", () => {
  reveal(document);
  showCurrentTab();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy-link]");
  if (button) {
    navigator.clipboard.writeText(location.href).then(
      () => {
        const label = button.textContent;
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = label; }, 2000);
      },
      () => say("The browser does not allow copying here. The address bar holds the same link."),
    );
  }
  document.querySelectorAll("details.picker[open], details.menu[open]").forEach((open) => {
    if (!open.contains(event.target)) open.open = false;
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.picker[open], details.menu[open]").forEach((open) => {
    open.open = false;
    open.querySelector("summary").focus();
  });
});

// A list of choices stays open while one chooses several: each choice replaces the part of the page around it.
let openPickers = [];
document.addEventListener("htmx:beforeSwap", () => {
  openPickers = [...document.querySelectorAll("details[id][open]")].map((picker) => picker.id);
});
document.addEventListener("htmx:afterSettle", () => {
  reveal(document);
  showCurrentTab();
  openPickers.forEach((id) => {
    const picker = document.getElementById(id);
    if (picker) picker.open = true;
  });
  openPickers = [];
});
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target || event.target;
  if (target && target.id === "about") {
    const heading = document.querySelector("#about h2");
    if (heading) heading.focus();
  }
});

// What is not a fragment comes as a page of its own: an error says there what is wrong.
function refused(event) {
  const detail = event.detail || {};
  const config = detail.requestConfig || (detail.ctx && detail.ctx.request) || {};
  const path = (detail.pathInfo && detail.pathInfo.finalRequestPath) || config.path || config.action;
  const verb = (config.verb || config.method || "get").toLowerCase();
  if (verb === "get" && path && !path.startsWith("/sync/")) location.assign(path);
  else say("The server could not do this. Reload the page and try again.");
}
document.addEventListener("htmx:responseError", refused);
document.addEventListener("htmx:response:error", refused);

const unreachable = () => say("The server cannot be reached. What you see may be old.");
document.addEventListener("htmx:sendError", unreachable);
document.addEventListener("htmx:error", unreachable);
