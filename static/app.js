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

// What is selected on the list of accounts stays so on its other pages: those not shown are sent along unseen.
const selected = new Set();
const boxes = () => [...document.querySelectorAll("input[type=checkbox][name=account][form=selection]")];
function showSelected() {
  const form = document.getElementById("selection");
  if (!form) return;
  const here = boxes();
  here.forEach((box) => { box.checked = selected.has(box.value); });
  form.querySelectorAll("input[type=hidden][name=account]").forEach((input) => input.remove());
  const elsewhere = [...selected].filter((id) => !here.some((box) => box.value === id));
  elsewhere.forEach((id) => {
    const input = Object.assign(document.createElement("input"), { type: "hidden", name: "account", value: id });
    form.append(input);
  });
  const told = form.querySelector("[data-selected]");
  const where = elsewhere.length ? `, ${elsewhere.length} of them not shown here` : "";
  told.textContent = selected.size ? `${selected.size} selected${where}` : told.dataset.selected;
  form.querySelector("[data-unselect]").hidden = !selected.size;
  const all = document.querySelector("[data-select-page]");
  if (!all) return;
  const count = here.filter((box) => box.checked).length;
  all.closest("label").hidden = false;
  all.checked = count > 0 && count === here.length;
  all.indeterminate = count > 0 && count < here.length;
}
function select(id, isSelected) {
  if (isSelected) selected.add(id);
  else selected.delete(id);
}
document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches("[data-select-page]")) boxes().forEach((one) => select(one.value, box.checked));
  else if (boxes().includes(box)) select(box.value, box.checked);
  else return;
  showSelected();
});

// A row of the list opens to more of the same account below it, and closes at the same place.
let opener = null;
function isOpened(id) {
  return document.getElementById(id) !== null;
}
function showOpened() {
  document.querySelectorAll("[data-opens]").forEach((link) => {
    link.setAttribute("aria-expanded", isOpened(link.dataset.opens));
  });
}
function close(id) {
  document.getElementById(id).remove();
  showOpened();
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-opens]");
  if (link) opener = link;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !isOpened(link.dataset.opens)) return;
  event.preventDefault();
  event.stopPropagation();
  close(link.dataset.opens);
}, true);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-closes]");
  if (button) {
    const id = button.dataset.closes;
    const isOurs = opener && opener.isConnected && opener.dataset.opens === id;
    close(id);
    (isOurs ? opener : document.querySelector(`[data-opens="${CSS.escape(id)}"]`)).focus();
  }
  if (event.target.closest("[data-unselect]")) {
    selected.clear();
    showSelected();
  }
});

document.addEventListener("DOMContentLoaded", () => {
  reveal(document);
  showCurrentTab();
  // A browser that comes back to a page may have kept its boxes.
  boxes().filter((box) => box.checked).forEach((box) => select(box.value, true));
  showSelected();
  showOpened();
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
  const close = event.target.closest("aside") && document.querySelector("aside .close");
  if (close) close.click();
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
  showSelected();
  showOpened();
  openPickers.forEach((id) => {
    const picker = document.getElementById(id);
    if (picker) picker.open = true;
  });
  openPickers = [];
});
// What explains a status takes the focus as it opens, gives it back as it closes, and its rows are marked meanwhile.
let asked = null;
const keyOf = (link) => new URL(link.href).searchParams.get("about");
document.addEventListener("click", (event) => { asked = event.target.closest("a.about") || asked; });
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target || event.target;
  if (!target || target.id !== "about") return;
  const heading = document.querySelector("#about h2");
  document.querySelectorAll("a.about").forEach((link) => {
    if (heading && asked && keyOf(link) === keyOf(asked)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  const next = heading || asked;
  if (next) next.focus({ preventScroll: true });
  if (asked) asked.scrollIntoView({ block: "nearest" });
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
