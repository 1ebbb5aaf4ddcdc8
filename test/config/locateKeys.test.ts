import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parse } from "smol-toml"
import { type KeyPath, locateKeys } from "../../src/config/locateKeys.ts"

const every = (value: unknown, path: KeyPath = []): ReadonlyArray<KeyPath> => {
  if (typeof value !== "object" || value === null || value instanceof Date) return [path]
  const below = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [...(path.length === 0 ? [] : [path]), ...below.flatMap(([key, one]) => every(one, [...path, key]))]
}

const scalars = [
  "1",
  "0x1F",
  "inf",
  "true",
  '"plain"',
  '"# no ] comment } , = \\" \\\\"',
  "'[x] = \\'",
  "1979-05-27 07:32:00",
  "1979-05-27T07:32:00.5Z",
  '""',
  '"""\n[not.a.table]\nkey = 1 \\""" # \\\n   more""""',
  '"""a "quoted" word, ""two"" """',
  "'''\n'k' = \"\"\" ]\n'''''",
  '""""""'
]

/** Writes a document as a list of choices says, and keeps the line on which each path stands first. */
const write = (choices: ReadonlyArray<number>) => {
  const expected = new Map<string, number>()
  let text = ""
  let step = 0
  let names = 0
  const choose = (count: number): number => (choices[step++] ?? 0) % count
  const eol = choose(2) === 0 ? "\n" : "\r\n"
  const put = (more: string): void => {
    text += more.replaceAll("\n", eol)
  }
  const note = (path: KeyPath): void => {
    const key = JSON.stringify(path)
    if (!expected.has(key)) expected.set(key, text.split("\n").length)
  }
  const gap = (): void => put(["", " ", "\n", " # a [comment] = '\n", "\n\t"][choose(5)] ?? "")
  const component = (): string => {
    const name = [
      `k${names}`,
      `k ${names}`,
      `k.${names}]#`,
      `k"${names}`,
      `${names}`,
      `k='${names}`,
      `é${names}`
    ][choose(7)]
    names++
    return name ?? ""
  }
  const putKey = (table: KeyPath, parts: ReadonlyArray<string>): KeyPath => {
    const path = [...table]
    for (const [index, part] of parts.entries()) {
      if (index > 0) put([".", " . "][choose(2)] ?? "")
      path.push(part)
      note(path)
      if (/^[\w-]+$/.test(part) && choose(2) === 0) put(part)
      else put(!part.includes("'") && choose(2) === 0 ? `'${part}'` : JSON.stringify(part))
    }
    return path
  }
  const putPair = (table: KeyPath, depth: number): void => {
    const path = putKey(table, choose(4) === 0 ? [component(), component()] : [component()])
    put([" = ", "=", "\t=  "][choose(3)] ?? "")
    putValue(path, depth)
  }
  const putValue = (path: KeyPath, depth: number): void => {
    const kind = depth > 2 ? 2 : choose(4)
    if (kind > 1) return put(scalars[choose(scalars.length)] ?? "")
    const count = choose(4)
    put(kind === 0 ? "[" : "{")
    for (let index = 0; index < count; index++) {
      gap()
      if (kind === 0) {
        note([...path, index])
        putValue([...path, index], depth + 1)
      } else putPair(path, depth + 1)
      gap()
      if (index < count - 1 || choose(2) === 0) put(",")
    }
    gap()
    put(kind === 0 ? "]" : "}")
  }
  const putPairs = (table: KeyPath): void => {
    for (let left = choose(4); left > 0; left--) {
      putPair(table, 0)
      put([" # end = ]\n", "\n", "\n\n"][choose(3)] ?? "")
    }
  }

  putPairs([])
  const lists: Array<{ readonly name: string; count: number }> = []
  for (let left = choose(5); left > 0; left--) {
    const known = lists.length > 0 ? lists[choose(lists.length)] : undefined
    const kind = choose(4)
    if (kind === 0) {
      put("[ ")
      const path = putKey([], [component(), component()])
      put(" ] # [x]\n")
      putPairs(path)
    } else if (kind === 1 && known !== undefined) {
      // A table below the last element of an array of tables.
      put("[")
      note([known.name])
      put(`${JSON.stringify(known.name)}.`)
      const path = putKey([known.name, known.count - 1], [component()])
      put("]\n")
      putPairs(path)
    } else {
      const list = kind === 2 && known !== undefined ? known : { name: component(), count: 0 }
      if (list !== known) lists.push(list)
      put("[[")
      putKey([], [list.name])
      note([list.name, list.count])
      put("]]\n")
      putPairs([list.name, list.count++])
    }
  }
  return { text, expected }
}

describe("locateKeys", () => {
  it.prop(
    "finds the line of every key, table and element that smol-toml reads",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e6 }))).check(
        Schema.isMaxLength(400)
      )
    ],
    ([choices]) => {
      const { text, expected } = write(choices)
      const lineOf = locateKeys(text)
      for (const path of every(parse(text))) {
        assert.strictEqual(
          lineOf(path),
          expected.get(JSON.stringify(path)),
          `${JSON.stringify(path)} in\n${text}`
        )
      }
    },
    { arbitrary: { runs: 500, size: 300 } }
  )

  it("knows no line for what is not there", () => assert.isUndefined(locateKeys("a = 1")(["b"])))

  it.each(["a", "[", "a = [", "a = {", 'a = "', "]", "=", "[[[", "a = [}", "a = [1 2", '"""'])(
    "comes to an end on %j, which is no TOML",
    (text) => assert.doesNotThrow(() => locateKeys(text))
  )
})
