import { Cause, Logger, References } from "effect"

type Line = Logger.Options<unknown>

const words = (message: unknown): string =>
  (Array.isArray(message) ? message : [message])
    .map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
    .join(" ")

const facts = ({ fiber, cause }: Line): Record<string, unknown> => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  return cause.reasons.length === 0 ? annotations : { ...annotations, cause: Cause.pretty(cause) }
}

/** One JSON object a line: `time`, `level`, `message`, and what is annotated. */
const json = Logger.make((line: Line) =>
  JSON.stringify({
    time: line.date.toISOString(),
    level: line.logLevel.toLowerCase(),
    message: words(line.message),
    ...facts(line)
  })
)

const colours: Record<string, string> = { Debug: "2", Info: "32", Warn: "33", Error: "31", Fatal: "31;1" }

/** Plain text, or a value as JSON, which escapes what a terminal would obey (X15). */
const value = (fact: unknown): string =>
  typeof fact === "string" && /^[\w.:/@+-]+$/.test(fact) ? fact : JSON.stringify(fact)

/** The same for people: time of day, level, words, and `name=value`. */
const readable = Logger.make((line: Line) => {
  const time = line.date.toISOString().slice(11, 23)
  const level = `\u001b[${colours[line.logLevel] ?? "0"}m${line.logLevel.toUpperCase().padEnd(5)}\u001b[0m`
  const named = Object.entries(facts(line)).map(([name, fact]) => `\u001b[2m${name}=\u001b[0m${value(fact)}`)
  return [time, level, words(line.message), ...named].join(" ")
})

const lines = (isTerminal: boolean) => (isTerminal ? readable : json)

/** JSON lines on stdout, or readable ones where that is a terminal. */
export const logs = (isTerminal: boolean) => Logger.layer([Logger.withConsoleLog(lines(isTerminal))])

/** The same on stderr, for a command whose answer stands alone on stdout. */
export const logsAside = (isTerminal: boolean) => Logger.layer([Logger.withConsoleError(lines(isTerminal))])
