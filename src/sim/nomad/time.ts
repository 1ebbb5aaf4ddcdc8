/** Nanoseconds since 1970, as Nomad counts time. */
export type Nanos = bigint

export const millis = (duration: number): Nanos => BigInt(Math.round(duration * 1e6))

/** Nanoseconds as whole and broken milliseconds, for sleeping. */
export const toMillis = (nanos: Nanos | number): number => Number(nanos) / 1e6

/** RFC 3339 as Go prints it: nanoseconds, trailing zeros cut; an unset time is `null`. */
export const rfc3339 = (at: Nanos | null): string | null => {
  if (at === null) return null
  const fraction = (at % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "")
  const seconds = new Date(Number(at / 1_000_000n)).toISOString().slice(0, 19)
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`
}

/** A duration in nanoseconds as Go prints it: `1m30s`, `1.5s`, `250ms`, `0s`. */
export const goDuration = (nanos: number): string => {
  if (nanos === 0) return "0s"
  if (nanos < 1e3) return `${nanos}ns`
  if (nanos < 1e6) return `${nanos / 1e3}µs`
  if (nanos < 1e9) return `${nanos / 1e6}ms`
  const hours = Math.floor(nanos / 3600e9)
  const minutes = Math.floor((nanos % 3600e9) / 60e9)
  const seconds = `${Number((nanos % 60e9).toFixed(0)) / 1e9}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

const units: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000
}
const whole = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/

/** Milliseconds of a Go duration such as `1m30s`; `null` where it is none. */
export const parseGoDuration = (text: string): number | null =>
  text === "0"
    ? 0
    : whole.test(text)
      ? [...text.matchAll(/(\d+(?:\.\d+)?)([nuµm]?s|m|h)/g)].reduce(
          (sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ""] ?? 0),
          0
        )
      : null
