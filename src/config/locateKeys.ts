import { parse } from "smol-toml"

export type KeyPath = ReadonlyArray<string | number>

// A bare value ends at white space, but a date and its time may stand one space apart.
const scalar =
  /"""(?:\\[^]|[^\\])*?"""(?:"{0,2})|'''[^]*?'''(?:'{0,2})|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,\]}#]+(?: \d[^\s,\]}#]*)?|[^]/y
const keyPart = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+/y
const blank = /[ \t]*/y
const gap = /(?:\s|#[^\n]*)*/y
const [header, open, close, brace, unbrace, equals, comma, dot] = [
  /\[\[?/y,
  /\[/y,
  /\]/y,
  /\{/y,
  /\}/y,
  /=/y,
  /,/y,
  /\./y
]

const unquote = (part: string): string => {
  if (!/^["']/.test(part)) return part
  const { name } = parse(`name = ${part}`)
  return typeof name === "string" ? name : part
}

/**
 * The line, from 1, on which each key, table and list element of a TOML document stands first: what
 * a parser of values does not tell. `toml` has been parsed before; of a document that is not TOML
 * the lines mean nothing.
 */
export const locateKeys = (toml: string): ((path: KeyPath) => number | undefined) => {
  const lines = new Map<string, number>()
  /** Tables begun so far of each array of tables. */
  const tables = new Map<string, number>()
  let at = 0
  let line = 1

  const take = (token: RegExp): string => {
    token.lastIndex = at
    const text = token.exec(toml)?.[0] ?? ""
    at += text.length
    line += text.split("\n").length - 1
    return text
  }
  const note = (path: KeyPath): void => {
    const key = JSON.stringify(path)
    if (!lines.has(key)) lines.set(key, line)
  }
  const dottedKey = (): ReadonlyArray<string> => {
    const parts: Array<string> = []
    do {
      take(blank)
      parts.push(unquote(take(keyPart)))
      take(blank)
    } while (take(dot) !== "")
    return parts
  }
  const value = (path: KeyPath): void => {
    if (take(open) !== "") {
      for (let index = 0; at < toml.length; index++) {
        take(gap)
        if (take(close) !== "") return
        note([...path, index])
        value([...path, index])
        take(gap)
        take(comma)
      }
    } else if (take(brace) !== "") {
      while (at < toml.length) {
        take(gap)
        if (take(unbrace) !== "") return
        pair(path)
        take(gap)
        take(comma)
      }
    } else take(scalar)
  }
  const pair = (table: KeyPath): void => {
    const path = [...table]
    for (const part of dottedKey()) {
      path.push(part)
      note(path)
    }
    take(equals)
    take(blank)
    value(path)
  }

  let table: KeyPath = []
  for (take(gap); at < toml.length; take(gap)) {
    const bracket = take(header)
    if (bracket === "") {
      pair(table)
      continue
    }
    const parts = dottedKey()
    const path: Array<string | number> = []
    for (const [index, part] of parts.entries()) {
      path.push(part)
      note(path)
      const key = JSON.stringify(path)
      if (bracket === "[[" && index === parts.length - 1) tables.set(key, (tables.get(key) ?? 0) + 1)
      const begun = tables.get(key)
      if (begun === undefined) continue
      path.push(begun - 1)
      note(path)
    }
    table = path
    take(close)
    take(close)
  }
  return (path) => lines.get(JSON.stringify(path))
}
