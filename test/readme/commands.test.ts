import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { createServer } from "node:net"
import { dirname } from "node:path"
import { afterAll, beforeAll, inject } from "vitest"
import { onPath } from "../real/dockerRegistry.ts"
import { emptyDatabase, noPostgres } from "../real/postgres.ts"
import { goesOn, notRun, refused, shows, showsIn, stays } from "./commands.ts"
import { FollowReason, StallReason, WaitReason } from "../../src/domain/Decision.ts"
import { type Command, commandsOf, documents, read } from "./Document.ts"
import { Reader } from "./Reader.ts"
import { canBeApart } from "./Shell.ts"

describe("the tables of the commands", () => {
  const names = documents.flatMap(commandsOf).map(({ name }) => name)
  it.each(Object.entries({ notRun, stays, goesOn, shows, refused }))(
    "%s names commands that stand in a document",
    (_, table) => {
      for (const name of Object.keys(table)) assert.include(names, name)
    }
  )
  it.each(Object.entries(showsIn))("showsIn names commands of %s", (file, table) => {
    const own = commandsOf(file).map(({ name }) => name)
    for (const name of Object.keys(table)) assert.include(own, name)
  })
})

if (onPath("curl") === undefined)
  throw new Error("curl is not on PATH: the commands of README.md and docs can not be tried without it")

/** Of the documents: the service, Nomad and the registry. */
const ports = [8080, 4646, 5000]
const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const probe = createServer().once("error", () => resolve(false))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)))
  })
const isApart = canBeApart()
const canRun = isApart || (await Promise.all(ports.map(isFree))).every(Boolean)
if (!canRun)
  process.stderr.write(
    `\nNOT RUN: the commands of README.md and docs: no network namespace can be made here, and one of the ports ${ports.join(", ")} is taken\n`
  )
const hasBackup = !noPostgres && onPath("pg_dump") !== undefined
if (!hasBackup)
  process.stderr.write(
    "\nNOT RUN: backup and restore of docs/operations.md: no Postgres, or no pg_dump on PATH\n"
  )

const adopt = "curl -X POST 127.0.0.1:8080/v1/adopt"
const restore =
  'pg_restore --clean --if-exists --no-owner --exit-on-error --dbname="$DATABASE_URL" registrywatcher.dump'

const metric = /\b((?:registrywatcher|process|nodejs)_[a-z_]+)(?:\{([^}]*)\})?/g
const selector = /(\w+)(=|!=|=~)"([^"]*)"/g
/** Labels that a series has only once it happened. */
const later: Readonly<Record<string, ReadonlyArray<string>>> = {
  "registrywatcher_repositories decision": ["follow", "wait", "stall"],
  "registrywatcher_repositories reason": [
    FollowReason.literal,
    ...WaitReason.literals,
    ...StallReason.literals
  ],
  "registrywatcher_http_requests_total status": ["5.."]
}

describe.skipIf(!canRun)("the commands of the documents, as they stand there", () => {
  const scope = Scope.makeUnsafe()
  let reader: Reader
  beforeAll(() => {
    reader = new Reader(isApart)
  })
  afterAll(async () => {
    await reader.end()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }, 60_000)

  /** Whoever orders something looks whether it went well before they order something else. */
  const untilInSync = () =>
    reader.follow(
      { text: "curl 127.0.0.1:8080/v1/repositories/api", place: "before the next order" },
      { shows: /"request":null.*"decision":"in_sync"/s, isRefused: false }
    )

  /** What a reader did who came this far, beside what stands there. */
  const before: Readonly<Record<string, () => Promise<unknown>>> = {
    "curl -H 'If-Match: *' -X POST 127.0.0.1:8080/v1/repositories/api/reset": untilInSync,
    "curl -H 'If-Match: *' -X POST 127.0.0.1:8080/v1/repositories/api/rollback": untilInSync,
    // From the embedded database to one of their own: that knows no marker of the jobs.
    'pg_dump --format=custom --file=registrywatcher.dump "$DATABASE_URL"': async () => {
      await reader.interrupt("npm start")
      const empty = new URL(Redacted.value(await Effect.runPromise(Scope.provide(emptyDatabase, scope))))
      const socket = encodeURIComponent(dirname(inject("askForPostgres")))
      const url = `postgresql://postgres@${empty.pathname}?host=${socket}&port=${empty.port}`
      await reader.shell.run(`export DATABASE_URL='${url}'`)
      await follow({ name: "npm start", text: "npm start", place: "on a Postgres of their own" })
    },
    // Deployed after the backup, so that the restored database does not know it.
    [restore]: async () => {
      await follow({ name: adopt, text: adopt, place: "before the restore" })
      await reader.shell.run(`curl -d '{"image":"api","tag":"v1.2.0"}' 127.0.0.1:5000/_sim/push`)
      await reader.shell.run(
        "until curl -s 127.0.0.1:4646/v1/job/api | grep -q 'api:v1.2.0@sha256'; do sleep 0.1; done"
      )
      await reader.interrupt("npm start")
    }
  }

  const follow = async (command: Command): Promise<void> => {
    const { name, place } = command
    await before[name]?.()
    const [url, seen] = [stays[name], goesOn[name]]
    if (url !== undefined) return reader.begin(command, url)
    if (seen !== undefined) return reader.watch(command, seen)
    const expected = showsIn[place.split(":")[0] ?? ""]?.[name] ?? shows[name]
    const isRefused = refused[name] !== undefined
    return reader.follow(command, { shows: expected ?? refused[name], isRefused })
  }

  /** These change nothing and take seconds: who reads them again does not run them again. */
  const asks = /^npm start -- (?:doctor|plan)$/
  const asked = new Set<string>()
  let failed: string | undefined

  it.each(documents)("%s", { timeout: 240_000 }, async (file) => {
    if (failed !== undefined) throw new Error(`not tried, because ${failed} failed`)
    failed = file
    for (const command of commandsOf(file)) {
      const { name } = command
      if (notRun[name] !== undefined || (asks.test(name) && asked.has(name))) continue
      const isOfBackup =
        file === "docs/operations.md" && (name.startsWith("pg_") || name === adopt || name.includes("why"))
      if (isOfBackup && !hasBackup) continue
      asked.add(name)
      await follow(command)
    }
    failed = undefined
  })

  it(
    "L13: every metric of docs/operations.md is one of /metrics, with its labels",
    { timeout: 60_000 },
    async () => {
      if (failed !== undefined) throw new Error(`not tried, because ${failed} failed`)
      await untilInSync()
      const { output } = await reader.shell.run("curl -s 127.0.0.1:8080/metrics")
      const series = output.split("\n").filter((line) => /^\w/.test(line))
      const named = [...read("docs/operations.md").matchAll(metric)]
      assert.isAtLeast(named.length, 20)
      for (const [text, name = "", selectors = ""] of named) {
        const ofName = series.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        assert.isNotEmpty(ofName, text)
        for (const [, label = "", , values = ""] of selectors.matchAll(selector)) {
          const labelled = new Set(ofName.map((line) => new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1]))
          assert.notInclude([...labelled], undefined, text)
          const known = [...labelled, ...(later[`${name} ${label}`] ?? [])]
          for (const value of values.split("\\|")) assert.include(known, value, text)
        }
      }
    }
  )
})
