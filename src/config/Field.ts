import { Duration, Redacted } from "effect"

/** How the value of one key is read. */
export interface Field<A> {
  /** Completes "expected …". */
  readonly expected: string
  /** Undefined for a value that is not what is expected. */
  readonly read: (value: unknown) => A | undefined
  /** What the file would hold for a text in the environment. */
  readonly fromText: (text: string) => unknown
  /** The value is never shown, not even when it is wrong. */
  readonly isSecret: boolean
  /** Where the key is left out; undefined if it must not be. */
  readonly absent: { readonly value: A } | undefined
  /** A placeholder left in is a warning, and as if the key were left out. */
  readonly placeholderIsOff?: true
}

const field = <A>(
  expected: string,
  read: Field<A>["read"],
  fromText: Field<A>["fromText"] = (text) => text
): Field<A> => ({ expected, read, fromText, isSecret: false, absent: undefined })

/** A field of text; `read` is given the text alone. */
export const text = <A = string>(expected: string, read: (text: string) => A | undefined): Field<A> =>
  field(expected, (value) => (typeof value === "string" ? read(value) : undefined))

export const withDefault = <A>(self: Field<A>, value: NoInfer<A>): Field<A> => ({
  ...self,
  absent: { value }
})
export const optional = <A>(self: Field<A>): Field<A | undefined> => ({
  ...self,
  absent: { value: undefined }
})
/** Redacted from here on. */
export const secret = <A>(self: Field<A>): Field<Redacted.Redacted<A>> => ({
  expected: self.expected,
  read: (value) => {
    const read = self.read(value)
    return read === undefined ? undefined : Redacted.make(read)
  },
  fromText: self.fromText,
  isSecret: true,
  absent: undefined
})

const printable = (value: string): boolean => /^[^\p{C}]+$/u.test(value)

export const name = (what: string): Field<string> =>
  text(what, (value) => (printable(value) && value.trim() === value ? value : undefined))

export const matching = (expected: string, pattern: RegExp): Field<string> =>
  text(expected, (value) => (pattern.test(value) ? value : undefined))

export const literals = <const L extends string>(...words: ReadonlyArray<L>): Field<L> =>
  text(words.map((word) => `"${word}"`).join(" or "), (value) => words.find((word) => word === value))

export const boolean: Field<boolean> = field(
  "true or false, without quotes",
  (value) => (typeof value === "boolean" ? value : undefined),
  (text) => (text === "true" ? true : text === "false" ? false : text)
)

const numberIn = (text: string): unknown => (/^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text)

export const wholeNumber = (minimum: number): Field<number> =>
  field(
    `a whole number, ${minimum} or more, without quotes`,
    (value) => (Number.isSafeInteger(value) && Number(value) >= minimum ? Number(value) : undefined),
    numberIn
  )

/** A part of a whole, 1 being all of it. */
export const share: Field<number> = field(
  "a number from 0 to 1, such as 0.2, without quotes",
  (value) => (typeof value === "number" && value >= 0 && value <= 1 ? value : undefined),
  numberIn
)

/** In the environment the elements stand apart by commas. */
export const list = (what: string): Field<ReadonlyArray<string>> =>
  field(
    `a list of ${what}`,
    (value) =>
      Array.isArray(value) && value.every((element) => typeof element === "string") ? value : undefined,
    (text) => text.split(",").map((element) => element.trim())
  )

/** One text, or a list of one or more, each another. */
export const oneOrMore = (what: string): Field<ReadonlyArray<string>> =>
  field(`${what}, or a list of them, none twice`, (value) => {
    const elements: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
    const texts = elements.filter((element) => typeof element === "string" && printable(element))
    const isWhole = texts.length === elements.length && texts.length > 0
    return isWhole && new Set(texts).size === texts.length ? texts.map(String) : undefined
  })

const unitMillis = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 1e-3, µs: 1e-3, μs: 1e-3, ns: 1e-6 }
const durationText = /^(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|µs|μs|ns))+$/
const durationPart = /(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|μs|ns)/g

/** As Go writes durations, which the predecessor read: `59s`, `1m30s`, `500ms`, `1.5h`. */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  if (!durationText.test(text)) return undefined
  let millis = 0
  for (const [, amount, unit] of text.matchAll(durationPart)) {
    millis += Number(amount) * unitMillis[unit as keyof typeof unitMillis]
  }
  return Duration.millis(millis)
}

const durationFrom = (shortest: string, minimum: Duration.Duration): Field<Duration.Duration> =>
  text(`a duration with its unit, from ${shortest} to 24h, such as "59s" or "1m30s"`, (text) => {
    const parsed = parseDuration(text)
    const bounds = { minimum, maximum: Duration.hours(24) }
    return parsed !== undefined && Duration.between(parsed, bounds) ? parsed : undefined
  })

/** Below a second it would be an attack, above a day nobody would still wait for it. */
export const pollInterval = durationFrom("1s", Duration.seconds(1))

/** A process that leaks or meets its first traffic badly shows it within a minute; more is the owner's to say. */
export const usualSoak = Duration.minutes(1)
/** None at all: what Nomad found healthy is healthy. */
export const soak = durationFrom("0s", Duration.zero)
