import { type ConfigProblem, type Place, printPlace } from "./ConfigError.ts"

/** What a whole reading finds wrong, or worth a word: one reading reports everything, not its first trouble. */
export class Findings {
  readonly problems: Array<ConfigProblem> = []
  readonly warnings: Array<string> = []

  problem(place: Place, key: string, expected: string, got: string): void {
    this.problems.push({ place, key, expected, got })
  }

  warning(place: Place, key: string, words: string): void {
    this.warnings.push(`${printPlace(place)}: ${key === "" ? "" : `${key}: `}${words}`)
  }
}

/** A word for what TOML calls the type of a value. */
export const kindOf = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (value instanceof Date) return "a date"
  if (typeof value === "object") return "a table"
  return typeof value === "string" ? "a text" : `a ${typeof value}`
}

const withoutControls = (text: string): string => text.replaceAll(/\p{C}/gu, "\u{fffd}")

/** What stands there, on one line, in 100 characters at most, and without what looks like a login in a URL. */
export const shown = (value: unknown): string => {
  if (value === undefined || (typeof value === "object" && !Array.isArray(value))) return kindOf(value)
  if (typeof value === "number") return String(value)
  const json = withoutControls(JSON.stringify(value).replaceAll(/[^\s"/:]*:[^\s"/@]*@/g, "…@"))
  return json.length > 100 ? `${json.slice(0, 99)}…` : json
}

const isBare = /^[A-Za-z0-9_-]+$/
/** As TOML writes it; elements of a list as `list[0]`. */
export const printKey = (path: ReadonlyArray<string | number>): string =>
  path.reduce<string>((before, part) => {
    if (typeof part === "number") return `${before}[${part}]`
    const written = isBare.test(part) ? part : withoutControls(JSON.stringify(part))
    return before === "" ? written : `${before}.${written}`
  }, "")
