import type { Subject } from "./Fault.ts"

/** An answer before faults had their way with it. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** What the request was about, for faults and the log. */
export interface Route {
  readonly subject: Subject
  readonly image: string | null
  readonly page?: { readonly number: number; readonly isLast: boolean }
}

export const json = (
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {}
): Reply => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: Buffer.from(`${JSON.stringify(value)}\n`)
})

export const empty = (status: number, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body: Buffer.alloc(0)
})

/** An error of the distribution specification. */
export const refuse = (
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): Reply => json(status, { errors: [{ code, message, detail: null }] }, headers)
