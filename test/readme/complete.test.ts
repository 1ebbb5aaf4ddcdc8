import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parse } from "smol-toml"
import { Api } from "../../src/api/Api.ts"
import { TagAnswer } from "../../src/api/RepositoryAnswer.ts"
import type { Field } from "../../src/config/Field.ts"
import { brakeKeys, registryKeys, repositoryKeys, topKeys } from "../../src/config/keys.ts"
import { AttemptReason, AttemptState, Phase } from "../../src/domain/Attempt.ts"
import { StallReason, WaitReason } from "../../src/domain/Decision.ts"
import { pathMatcher, routesOf } from "../../src/server/routes.ts"
import { codeIn, commandsOf, documents, read, root, rowsOf, unlisted } from "./Document.ts"

/** The first cells of the tables with this title, each of which is code. */
const named = (file: string, title: string, section?: string): ReadonlyArray<string | undefined> =>
  rowsOf(file, title, section).map(([first]) => codeIn(first))

const why = "docs/why.md"

describe("docs/why.md", () => {
  it("L13: has a row for each reason of a wait and a stall, in the order of the domain, with what to do", () => {
    const wait = "A wait: time or the world may end it"
    const stall = "A stall: a person is needed"
    assert.deepStrictEqual(named(why, "reason", wait), WaitReason.literals)
    assert.deepStrictEqual(named(why, "reason", stall), StallReason.literals)
    for (const [reason, means, todo] of rowsOf(why, "reason")) {
      assert.isAbove(means?.length ?? 0, 10, reason)
      assert.isAbove(todo?.length ?? 0, 5, reason)
    }
  })

  it("has a row for each verdict and each state of an attempt, and names each phase and reason", () => {
    assert.sameMembers([...named(why, "verdict")], [...TagAnswer.fields.verdict.literals])
    assert.sameMembers([...named(why, "state")], [...AttemptState.literals])
    for (const word of [...Phase.literals, ...AttemptReason.literals])
      assert.include(read(why), `\`${word}\``)
  })

  it("has the rules of deciding in their order", () => {
    assert.deepStrictEqual(
      rowsOf(why, "#").map(([number]) => Number(number)),
      Array.from({ length: 17 }, (_, at) => at + 1)
    )
  })
})

describe("docs/api.md", () => {
  const match = pathMatcher(routesOf(Api))
  /** Method and path as the definition has them. */
  const called = commandsOf("docs/api.md").flatMap(({ name, place }) => {
    const [, path] = /127\.0\.0\.1:8080(\/[^\s"?]*)/.exec(name) ?? []
    if (path === undefined) return []
    const method = / -X (\w+)/.exec(name)?.[1] ?? (/ -d /.test(name) ? "POST" : "GET")
    const routes = match(path.replace(/(?<=.)\/$/, "")).filter((route) => route.method === method)
    assert.lengthOf(routes, 1, `${place}: ${name} calls no endpoint`)
    return routes.map((route) => `${route.method} ${route.path}`)
  })

  it.each(routesOf(Api).map(({ method, path }) => `${method} ${path}`))("has a curl of %s", (endpoint) => {
    assert.include(called, endpoint)
  })
})

/** As it stands in TOML. */
const literal = (cell: string): unknown => parse(`it = ${cell}`)["it"]

const assertSame = (written: unknown, field: Field<unknown>, key: string): void => {
  const isEmptyList = Array.isArray(written) && written.length === 0
  const read = isEmptyList ? written : field.read(written)
  const value = field.absent?.value
  if (Duration.isDuration(value) && Duration.isDuration(read)) {
    assert.strictEqual(Duration.toMillis(read), Duration.toMillis(value), key)
  } else assert.deepStrictEqual(read, value, key)
}

describe("docs/configuration.md", () => {
  const file = "docs/configuration.md"

  const tables: ReadonlyArray<readonly [section: string, keys: Readonly<Record<string, Field<unknown>>>]> = [
    ["Before the first table", topKeys],
    ["`[brake]`", brakeKeys],
    ["`[registry_map.NAME]`", registryKeys],
    ["`[repo_map.REPOSITORY]`", repositoryKeys]
  ]
  it.each(tables)("has each key of %s with its default", (section, keys) => {
    const rows = rowsOf(file, "key", section)
    assert.sameMembers(
      rows.map(([key]) => codeIn(key)),
      Object.keys(keys)
    )
    for (const [cell, shown = "", meaning = ""] of rows) {
      const key = codeIn(cell) ?? ""
      const field = keys[key]
      const code = codeIn(shown)
      if (field?.absent === undefined) assert.strictEqual(shown, "required", key)
      else if (field.absent.value === undefined) {
        assert.strictEqual(shown, "–", key)
        assert.include(meaning, "Left out: ", key)
      } else {
        assert.isDefined(code, `${key} has a default`)
        assertSame(literal(code ?? ""), field, key)
      }
    }
  })

  it("has each variable of the environment that is read, and no other", () => {
    const folder = join(root, "src/config")
    const source = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"))
    const read = source.join("\n").matchAll(/"((?:NOMAD|VAULT|DATABASE)_[A-Z_]+)"/g)
    const variables = new Set([...read].map(([, name]) => name))
    assert.sameMembers([...named(file, "variable")], ["REGISTRYWATCHER_CONFIG", ...variables])
  })
})

/** As GitHub makes them of headings. */
const anchorsOf = (file: string): ReadonlyArray<string> =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-")
  )

describe("README.md and docs", () => {
  it("lead to every page of docs", () => {
    assert.deepStrictEqual(unlisted, [])
    for (const file of documents.slice(1)) assert.include(read("README.md"), `](${file})`)
  })

  it.each(documents)("%s: every link leads somewhere", (file) => {
    for (const [, target = ""] of read(file).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = "", anchor] = target.split("#")
      const linked = path === "" ? file : join(dirname(file), path)
      assert.isTrue(existsSync(join(root, linked)), `${file} leads to ${target}`)
      if (anchor !== undefined) assert.include(anchorsOf(linked), anchor, `${file} leads to ${target}`)
    }
  })

  it("README.md stays short", () => {
    assert.isAtMost(read("README.md").split("\n").length, 130)
  })

  it("the exit codes are those of the commands", () => {
    const codes = rowsOf("docs/operations.md", "exit code").map(([code]) => Number(code))
    assert.deepStrictEqual(codes, [0, 1, 64, 78, 130])
    const said = [...read("src/cli/run.ts").matchAll(/^ {2}" {2}(\d+) {2,}\S/gm)].map(([, code]) =>
      Number(code)
    )
    assert.deepStrictEqual(
      said,
      codes.filter((code) => code !== 64)
    )
  })
})
