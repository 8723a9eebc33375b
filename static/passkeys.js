/* Says in words why a passkey did not work; allauth's scripts do the rest. */
document.addEventListener("allauth.error", (event) => {
  const error = event.detail.exception;
  const cancelled = error && error.name === "NotAllowedError";
  event.preventDefault();
  document.getElementById("toast").textContent = cancelled
    ? "No passkey was used: it was cancelled, took too long, or there is none for this address."
    : `The passkey did not work: ${error && error.message ? error.message : "the browser does not say why"}`;
});
