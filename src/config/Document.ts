import { Result } from "effect"
import { parse, TomlError } from "smol-toml"
import type { ConfigProblem, Place } from "./ConfigError.ts"
import { type Findings, kindOf, printKey, shown } from "./Findings.ts"
import type { Field } from "./Field.ts"
import { type KeyPath, locateKeys } from "./locateKeys.ts"
import { nearest } from "./nearest.ts"

export type Fields = Readonly<Record<string, Field<unknown>>>
export type Values<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer A> ? A : never
}
type Table = Readonly<Record<string, unknown>>

/** The values of one table that are good, and where each key stands. */
export interface Section<F extends Fields> {
  readonly good: Partial<Values<F>>
  /** All of them; undefined if one of them is wrong. */
  readonly all: Values<F> | undefined
  /** Of the key, else of the table's header, else the file's first line; or the variable that overrides the key. */
  readonly place: (key: keyof F & string, element?: number) => Place
  readonly key: (key: keyof F & string, element?: number) => string
}

/** How a table is read besides its fields. */
export interface Reading {
  /** Keys that are tables of their own. */
  readonly subtables?: ReadonlyArray<string>
  readonly isNoLongerNeeded?: (key: string) => boolean
  /** The variable that is set for this key, if any. */
  readonly override?: (key: string) => { readonly variable: string; readonly text: string } | undefined
  /** Where a key that is unknown here would belong. */
  readonly belongs?: (key: string) => string | undefined
}

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** What somebody meant to replace: `$YOUR_…`, `${NAME}`, or a Nomad template that was not rendered. */
const placeholderIn = (value: unknown): string | undefined => {
  for (const text of [value].flat()) {
    if (typeof text !== "string") continue
    const [found] = /^\$\{?[A-Z][A-Z0-9_]*\}?$|\$\{?YOUR_[A-Z0-9_]*\}?|^\{\{.*\}\}$/s.exec(text) ?? []
    if (found !== undefined) return found.startsWith("{{") ? "{{ … }}" : found
  }
  return undefined
}

/** A parsed file with the lines of its keys. */
export interface Document {
  readonly place: (path: KeyPath) => Place
  /** Names of the tables below `[KEY.NAME]`; a problem for what is no table. */
  readonly names: (key: string, findings: Findings) => ReadonlyArray<string>
  readonly read: <F extends Fields>(
    path: ReadonlyArray<string>,
    fields: F,
    findings: Findings,
    reading?: Reading
  ) => Section<F>
}

/** Fails for a text that is not TOML, with its one problem. */
export const parseDocument = (file: string, toml: string): Result.Result<Document, ConfigProblem> => {
  let root: Table
  try {
    root = parse(toml, { unsafeKeyBehaviour: "throw" })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // Its further lines quote the document, which may hold secrets.
    const [what = ""] = error.message.replace("Invalid TOML document: ", "").split("\n")
    const got = `${what} in column ${error.column}`
    return Result.fail({ place: { source: file, line: error.line }, key: "", expected: "TOML", got })
  }
  const lineOf = locateKeys(toml)

  const place = (path: KeyPath): Place => {
    for (let length = path.length; length > 0; length--) {
      const line = lineOf(path.slice(0, length))
      if (line !== undefined) return { source: file, line }
    }
    return { source: file, line: 1 }
  }
  const tableAt = (path: ReadonlyArray<string>): Table =>
    path.reduce<Table>((table, part) => {
      const below = Object.hasOwn(table, part) ? table[part] : undefined
      return isTable(below) ? below : {}
    }, root)

  const names: Document["names"] = (key, findings) => {
    const value = Object.hasOwn(root, key) ? root[key] : {}
    if (!isTable(value)) {
      findings.problem(place([key]), key, `tables, each begun with [${key}.NAME]`, kindOf(value))
      return []
    }
    return Object.entries(value).flatMap(([name, below]) => {
      if (isTable(below)) return [name]
      findings.problem(place([key, name]), printKey([key, name]), "a table", kindOf(below))
      return []
    })
  }

  const read = <F extends Fields>(
    path: ReadonlyArray<string>,
    fields: F,
    findings: Findings,
    { subtables = [], isNoLongerNeeded, override, belongs }: Reading = {}
  ): Section<F> => {
    const table = tableAt(path)
    const keyOf = (key: string, element?: number) =>
      printKey(element === undefined ? [...path, key] : [...path, key, element])
    const placeOf = (key: string, element?: number): Place => {
      const set = override?.(key)
      if (set !== undefined) return { source: set.variable, line: null }
      return place(element === undefined ? [...path, key] : [...path, key, element])
    }

    for (const key of Object.keys(table)) {
      if (Object.hasOwn(fields, key) || subtables.includes(key)) continue
      if (isNoLongerNeeded?.(key) === true) {
        findings.warning(placeOf(key), keyOf(key), "no longer needed, and without effect")
        continue
      }
      const near = nearest(key, [...Object.keys(fields), ...subtables])
      const hint = near === undefined ? belongs?.(key) : `did you mean ${near}?`
      const expected = `a key that is known here${hint === undefined ? "" : ` (${hint})`}`
      findings.problem(placeOf(key), keyOf(key), expected, printKey([key]))
    }

    const good: Record<string, unknown> = {}
    let isWhole = true
    const [first = ""] = path
    if (path.length === 1 && Object.hasOwn(root, first) && !isTable(root[first])) {
      findings.problem(place(path), printKey(path), `a table, begun with [${first}]`, kindOf(root[first]))
      isWhole = false
    }
    for (const [key, field] of Object.entries(fields)) {
      const set = override?.(key)
      const value =
        set === undefined ? (Object.hasOwn(table, key) ? table[key] : undefined) : field.fromText(set.text)
      if (value === undefined && field.absent !== undefined) {
        good[key] = field.absent.value
        continue
      }
      const placeholder = placeholderIn(value)
      if (placeholder !== undefined && field.placeholderIsOff === true && field.absent !== undefined) {
        findings.warning(placeOf(key), keyOf(key), `off, because of the placeholder ${placeholder}`)
        good[key] = field.absent.value
        continue
      }
      const read = value === undefined || placeholder !== undefined ? undefined : field.read(value)
      if (read !== undefined) {
        good[key] = read
        continue
      }
      isWhole = false
      const secret = value === undefined ? "nothing" : `${kindOf(value)} (not shown: it may be a secret)`
      const what = field.isSecret ? secret : shown(value)
      const got = placeholder === undefined ? what : `the placeholder ${placeholder}`
      findings.problem(placeOf(key), keyOf(key), field.expected, got)
    }
    return {
      good: good as Partial<Values<F>>,
      all: isWhole ? (good as Values<F>) : undefined,
      place: placeOf,
      key: keyOf
    }
  }
  return Result.succeed({ place, names, read })
}
