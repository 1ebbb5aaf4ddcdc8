import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted, Result, Schema } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { parseDatabaseUrl } from "../../src/store/DatabaseUrl.ts"

const parse = (url: string) => parseDatabaseUrl(Redacted.make(url))
const read = (url: string) => Result.getOrThrow(parse(url))

const directory = mkdtempSync(join(tmpdir(), "rw-url-"))
afterAll(() => rmSync(directory, { recursive: true }))
const ca = join(directory, "ca.pem")
writeFileSync(ca, "PEM")

describe("database URL", () => {
  it.each([
    ["postgres://u:p@h/d", { host: "h", port: 5432, database: "d", username: "u" }, "h:5432/d"],
    ["postgresql://u@h:6432", { host: "h", port: 6432, database: "u", username: "u" }, "h:6432/u"],
    ["postgres://u%40x:p%2F%3A@h/d%20e", { host: "h", database: "d e", username: "u@x" }, "h:5432/d e"],
    ["postgres://u@[::1]:1/d", { host: "::1", port: 1 }, "[::1]:1/d"],
    [
      "postgres://u@/d?host=/run/postgresql",
      { host: "/run/postgresql", port: 5432 },
      "/run/postgresql:5432/d"
    ],
    ["postgres://u@%2Frun%2Fpg/d", { host: "/run/pg" }, "/run/pg:5432/d"],
    [
      "postgres:///?host=h&user=u&dbname=d&port=7",
      { host: "h", username: "u", database: "d", port: 7 },
      "h:7/d"
    ],
    ["postgres://u@h/d?application_name=x&options=-csearch_path%3Da", { applicationName: "x" }, "h:5432/d"],
    ["postgres://u@h/d?connect_timeout=9&target_session_attrs=read-write", {}, "h:5432/d"]
  ])("%s", (url, connection, where) => {
    const address = read(url)
    assert.deepInclude(address.connection, connection)
    assert.strictEqual(address.where, where)
  })

  it("keeps the password out of everything that is shown", () => {
    const { connection, where } = read("postgres://u:canary%3A@h/d?connect_timeout=9")
    const { password } = connection
    assert.strictEqual(Redacted.isRedacted(password) ? Redacted.value(password) : "", "canary:")
    assert.deepEqual(connection.connectTimeout, Duration.seconds(9))
    assert.notInclude(JSON.stringify({ connection, where }), "canary")
  })

  const [none, unverified, chain, full] = ["none", "unverified", "chain", "full"]
  it.each([
    ["", [unverified, none]],
    ["?sslmode=disable", [none]],
    ["?sslmode=allow", [none, unverified]],
    ["?sslmode=prefer", [unverified, none]],
    ["?sslmode=require", [unverified]],
    ["?ssl=true", [unverified]],
    [`?sslmode=require&sslrootcert=${ca}`, [chain]],
    [`?sslmode=verify-ca&sslrootcert=${ca}`, [chain]],
    [`?sslmode=verify-full&sslrootcert=${ca}`, [full]],
    ["?sslmode=verify-full&sslrootcert=system", [full]],
    ["?sslmode=verify-full&host=/run/postgresql", [none]]
  ])("X16: %s means what it means to libpq", (query, expected) => {
    const said = read(`postgres://u@h/d${query}`).transports.map((tls) => {
      if (tls === false) return none
      if (tls.rejectUnauthorized === false) return unverified
      assert.strictEqual(tls.ca, query.includes(ca) ? "PEM" : undefined)
      return tls.checkServerIdentity === undefined ? full : chain
    })
    assert.deepEqual(said, expected)
  })

  it.each([
    ["mysql://u@h/d", "does not begin with postgres://"],
    ["", "does not begin with postgres://"],
    ["postgres://u:canary#1@h/d", "percent-encoded"],
    ["postgres://u:canary@1@h/d", "percent-encoded"],
    ["postgres://u:canary%zz@h/d", "the percent-encoding of the password is broken"],
    ["postgres://u:canary@/d", "it names no host"],
    ["postgres://:canary@h/d", "it names no user"],
    ["postgres://u:canary@h:99999/d", "its port"],
    ["postgres://u:canary@h:port/d", "its port"],
    ["postgres://u:canary@a,b/d", "several hosts"],
    ["postgres://u:canary@h/d?sslmode=bogus", 'sslmode is "bogus"'],
    ["postgres://u:canary@h/d?ssl=false", 'ssl is "false"'],
    [
      "postgres://u:canary@h/d?sslmode=require&sslrootcert=/nowhere.pem",
      "/nowhere.pem, which can not be read (ENOENT)"
    ],
    ["postgres://u:canary@h/d?sslmode=require&sslcert=/c.pem", "belong together"],
    ["postgres://u:canary@h/d?connect_timeout=soon", "connect_timeout"],
    ["postgres://u:canary@h/d?pool=3", '"pool" is not known'],
    ["postgres://u:canary@h/d?sslmode", "sslmode has no value"],
    ["postgres://u:canary@h/d?channel_binding=require", "channel_binding"]
  ])("X6: %s is refused, without its password", (url, words) => {
    const problem = Result.getOrThrow(Result.flip(parse(url)))
    assert.include(problem.message, words)
    assert.notInclude(problem.message, "canary")
  })

  it.prop("X23: never throws", [Schema.String, Schema.String, Schema.String], ([a, b, c]) =>
    [`${a}${b}`, `postgres://${a}`, `postgres://${a}@${b}/${c}`, `postgres://u@h/d?${a}=${b}&${c}`].every(
      (url) => Result.isResult(parse(url))
    )
  )
})
