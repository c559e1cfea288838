// The pages that links in mails lead to. The token stands behind the `#` of the address, which a browser sends to nobody;
// it is taken out of the address at once, so that no history and no look over the shoulder finds it.
"use strict";

const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);

// Answers to whoever has a second factor: asked for only then, so that nobody else is puzzled.
const CODE_WANTED = ["urn:problem-type:second-factor-required", "urn:problem-type:invalid-code"];

const element = (id) => document.getElementById(id);

function show(id) {
    for (const part of document.querySelectorAll("main > form, main > [role=status], #no-token")) {
        part.hidden = part.id !== id;
    }
    const part = element(id);
    (part.querySelector("input, button") ?? part).focus();
}

// The body of a good answer, or null; of any other the problem is shown.
async function post(path, body) {
    element("problem").textContent = "";
    let response;
    try {
        response = await fetch(path, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
        });
    } catch {
        return refuse({ detail: "The system cannot be reached. Try again." });
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) {
        return answer;
    }
    const wait = response.headers.get("retry-after");
    if (response.status === 429 && wait) {
        answer.detail = `Too many attempts. Try again in ${wait} seconds.`;
    }
    return refuse(answer);
}

function refuse(problem) {
    const elsewhere = (problem.errors ?? []).filter(({ field, detail }) => !mark(field, detail));
    if (elsewhere.length > 0 || !problem.errors) {
        element("problem").textContent = sentence(problem.detail ?? "That did not work. Try again.");
    }
    if (problem.type === "urn:problem-type:invalid-token" && element("ask")) {
        show("ask");
    }
    if (CODE_WANTED.includes(problem.type) && element("second-factor")) {
        element("second-factor").hidden = false;
        element("code").focus();
    }
    return null;
}

// Shows what is wrong with a field, if the page has it.
function mark(field, detail) {
    const input = element(field);
    const error = element(`${field}-error`);
    if (!input || !error) {
        return false;
    }
    input.setAttribute("aria-invalid", "true");
    error.textContent = sentence(detail);
    input.focus();
    return true;
}

function unmark(form) {
    for (const input of form.querySelectorAll("[aria-invalid]")) {
        input.removeAttribute("aria-invalid");
        element(`${input.id}-error`).textContent = "";
    }
}

function sentence(text) {
    const begun = text.charAt(0).toUpperCase() + text.slice(1);
    return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

// Sends a form once at a time.
function on(id, send) {
    const form = element(id);
    form?.addEventListener("submit", async (event) => {
        event.preventDefault();
        const button = form.querySelector("button");
        if (button.disabled) {
            return;
        }
        unmark(form);
        button.disabled = true;
        await send(form);
        button.disabled = false;
    });
}

on("verify", async () => {
    if (await post("/v1/auth/verify-email", { token })) {
        show("verified");
    }
});

on("reset", async (form) => {
    const [password, code] = [form.elements.password.value, form.elements.code.value];
    const tokens = await post("/v1/auth/password-reset/confirm", { token, password, code });
    if (tokens) {
        // Setting a password signs in, and this page has no use for that.
        await post("/v1/auth/logout", { refresh_token: tokens.refresh_token });
        form.reset();
        show("done");
    }
});

on("ask", async (form) => {
    if (await post("/v1/auth/password-reset", { email: form.elements.email.value })) {
        show("asked");
    }
});

element("show")?.addEventListener("change", (event) => {
    element("password").type = event.target.checked ? "text" : "password";
});

if (element("verify")) {
    show(token ? "verify" : "no-token");
} else {
    show(token ? "reset" : "ask");
}
