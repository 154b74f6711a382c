// Whether this browser may command runs, and how it comes to be allowed. Shared by all parts of the page.
import { reactive } from "vue";
import { api, escaped, post, queryText, Refused } from "monty-liveview/api.js";

export const session = reactive({
  known: false,
  may_control: false,
  needs_login: false,
  why_not: null,
  password_file: null,
});

/** Ask again; `run`: whether that run can be commanded. */
export async function refreshSession(run = null) {
  try {
    Object.assign(session, await api(`/api/session${queryText({ run: run && escaped(run) })}`), { known: true });
  } catch (error) {
    const why = error instanceof Refused ? error.message : "The page's server does not answer.";
    Object.assign(session, { known: true, may_control: false, needs_login: false, why_not: why });
  }
}

/** Throws `Refused` with the reason. */
export async function login(password) {
  await post("/api/login", { password });
}

export async function logout() {
  await post("/api/logout");
}
