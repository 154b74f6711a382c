// Whether this browser may command runs, and how it comes to be allowed. Shared by all parts of the page.
import { reactive } from "vue";
import { type Address, api, escaped, post, queryText, Refused } from "@/server/api";
import type { Session } from "@/server/openapi";

type Known = Omit<Session, "password_file"> & { known: boolean; password_file: string | null };

export const session = reactive<Known>({
  known: false,
  may_control: false,
  needs_login: false,
  why_not: null,
  password_file: null,
});

/** Ask again; `run`: whether that run can be commanded. */
export async function refreshSession(run: string | null = null): Promise<void> {
  const path: Address<Session> = `/api/session${queryText({ run: run && escaped(run) })}`;
  try {
    Object.assign(session, await api(path), { known: true });
  } catch (error) {
    const why = error instanceof Refused ? error.message : "The page's server does not answer.";
    Object.assign(session, { known: true, may_control: false, needs_login: false, why_not: why });
  }
}

/** Throws `Refused` with the reason. */
export async function login(password: string): Promise<void> {
  await post("/api/login", { password });
}

export async function logout(): Promise<void> {
  await post("/api/logout");
}
