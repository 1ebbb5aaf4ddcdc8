import type { Answer } from "./Exchange.ts"

/** A registry that asks for more gets this: the end of its trouble is to be found within it (L7). */
const longestMs = 5 * 60_000

/**
 * Milliseconds that an answer asks to wait, null if it does not: `Retry-After` in seconds or as a date (RFC
 * 9110 §10.2.3, measured from the answer's own `Date`), or GHCR's hint in the message, a Go duration.
 *
 * @param now - wall clock in milliseconds, for a date without a `Date` beside it
 */
export const retryAfterMs = ({ headers, body }: Answer, now: number): number | null => {
  const header = headers["retry-after"]
  const asked =
    typeof header === "string" ? fromHeader(header.trim(), headers["date"], now) : fromMessage(body)
  return asked === null || !(asked >= 1) ? null : Math.min(Math.ceil(asked), longestMs)
}

const fromHeader = (value: string, date: unknown, now: number): number | null => {
  if (/^\d+$/.test(value)) return Number(value) * 1_000
  const until = Date.parse(value)
  const from = typeof date === "string" ? Date.parse(date) : now
  return Number.isNaN(until) ? null : until - (Number.isNaN(from) ? now : from)
}

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  µs: 1e-3,
  μs: 1e-3,
  us: 1e-3,
  ns: 1e-6
}

const fromMessage = (body: Buffer): number | null => {
  const [, duration] =
    /\bretry-after: ((?:\d+(?:\.\d+)?(?:h|ms|m|s|µs|μs|us|ns))+)/.exec(body.toString("utf8")) ?? []
  if (duration === undefined) return null
  let milliseconds = 0
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)([a-zµμ]+)/g)) {
    milliseconds += Number(amount) * (units[unit ?? ""] ?? 0)
  }
  return milliseconds
}
