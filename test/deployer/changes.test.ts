import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Hint } from "../../src/deployer/Hint.ts"
import { type Asked, type Listening, nomadScript, type Said } from "./NomadScript.ts"

const api = { region: "", namespace: "default", jobs: ["api"] }

const told = (hint: Hint): string => {
  switch (hint._tag) {
    case "Written":
    case "Moved":
      return `${hint._tag} ${hint.job} ${hint.index}`
    case "Closed":
      return `${hint.why}: ${hint.words}`
    case "Open":
    case "Missed":
      return hint._tag
  }
}

const job = (ID: string, JobModifyIndex: number, rest: object = {}) => ({
  Topic: "Job",
  Index: 7,
  Payload: { Job: { ID, JobModifyIndex }, ...rest }
})
const deployment = (JobID: string, Status: string) => ({
  Topic: "Deployment",
  Index: 7,
  Payload: { Deployment: { JobID, Status } }
})
const line = (...Events: ReadonlyArray<unknown>) => `${JSON.stringify({ Index: 7, Events })}\n`

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
/** What is sent takes real time to arrive; for ten seconds at most. */
const arrives = (isThere: () => boolean) =>
  Effect.gen(function* () {
    for (const end = performance.now() + 10_000; !isThere() && performance.now() < end;) yield* turn
    assert.isTrue(isThere())
  })

/** A stream of these bytes, which then stays open and says nothing. */
const stream = (...chunks: ReadonlyArray<string | Uint8Array>) => streamThat(() => undefined, ...chunks)
const streamThat = (
  ends: (response: ServerResponse) => void,
  ...chunks: ReadonlyArray<string | Uint8Array>
): Said => ({
  act: (response) => {
    response.useChunkedEncodingByDefault = false
    response.writeHead(200, { "Content-Type": "application/json", Connection: "close" })
    response.flushHeaders()
    for (const chunk of chunks) response.write(chunk)
    ends(response)
  }
})

/** Reads the hints of a server that says this, until the test is over; time stands still unless it is moved. */
const listening = Effect.fnUntraced(function* (
  script: (asked: Asked, times: number) => Said,
  over: Parameters<Deployer["Service"]["changes"]>[0] = api,
  where: Listening = {}
): Effect.fn.Return<
  {
    readonly asked: ReadonlyArray<Asked>
    readonly heard: ReadonlyArray<string>
    readonly hears: (count: number) => Effect.Effect<void>
    readonly streams: () => number
  },
  never,
  Scope.Scope
> {
  let times = 0
  const { endpoint, asked } = yield* nomadScript(
    (each) => script(each, isStream(each) ? ++times : times),
    {},
    where
  )
  const heard: Array<string> = []
  yield* Deployer.use((deployer) =>
    Stream.runForEach(deployer.changes(over), (hint) => Effect.sync(() => void heard.push(told(hint))))
  ).pipe(Effect.provide(Deployer.layer(endpoint)), Effect.forkScoped)
  return {
    asked,
    heard,
    hears: (count) => arrives(() => heard.length >= count),
    streams: () => asked.filter(isStream).length
  }
})
const isStream = ({ url }: Asked): boolean => url.startsWith("/v1/event/stream")

/** Lets time pass in steps in which what is sent can arrive. */
const pass = Effect.fnUntraced(function* (time: Duration.Input) {
  for (let left = Duration.toMillis(time); left > 0; left -= 500) {
    yield* TestClock.adjust(Duration.millis(Math.min(500, left)))
    for (let n = 0; n < 8; n++) yield* turn
  }
})

describe("what Nomad tells by itself", () => {
  it.effect.each<[string, ReadonlyArray<string | Uint8Array>, ReadonlyArray<string>]>([
    ["a job that was written", [line(job("api", 7))], ["Written api 7"]],
    ["a job whose status moved", [line(job("api", 5))], ["Moved api 7"]],
    ["a job that was purged", [line(job("api", 5, { Deleted: true }))], ["Written api 7"]],
    ["a deployment that ended", [line(deployment("api", "failed"))], ["Moved api 7"]],
    [
      "no step of a deployment that runs",
      [line(deployment("api", "running"), job("web", 7))],
      ["Written web 7"]
    ],
    [
      "signs of life between",
      ["{}\n", line(job("api", 7)), "{}\n", line(job("web", 7))],
      ["Written api 7", "Written web 7"]
    ],
    [
      "several lines at once, and one in pieces",
      [
        `${line(job("a", 7))}${line(job("b", 7))}`.slice(0, 90),
        `${line(job("a", 7))}${line(job("b", 7))}`.slice(90)
      ],
      ["Written a 7", "Written b 7"]
    ],
    ["a character that is cut in two", [...cutInside("ü", line(job("jürgen", 7)))], ["Written jürgen 7"]],
    ["X23: a line that is no JSON", ["{\n", line(job("api", 7))], ["Missed", "Written api 7"]],
    [
      "X23: an event that is none",
      [line({ Topic: "Job" }), line(job("api", 7))],
      ["Missed", "Written api 7"]
    ],
    [
      "X13: a line beyond 8 MiB",
      [line({ ...job("big", 7), Padding: "x".repeat(9 * 1024 * 1024) }), line(job("api", 7))],
      ["Missed", "Written api 7"]
    ]
  ])("%s", ([, chunks, expected]) =>
    Effect.gen(function* () {
      const { heard, hears } = yield* listening(() => stream("{}\n", ...chunks))
      yield* hears(1 + expected.length)
      assert.deepStrictEqual(heard, ["Open", ...expected])
    })
  )

  it.effect("a canary's way, as a real server told it: the write and the end, and no step between", () =>
    Effect.gen(function* () {
      const lines = readFileSync(new URL("../fixtures/nomad/events-canary.ndjson", import.meta.url))
      const { heard, hears } = yield* listening(() => stream(lines, line(job("api", 7))))
      yield* hears(5)
      const id = "cb-ev-e8dd4b"
      const expected = [`Written ${id} 901`, `Moved ${id} 908`, `Moved ${id} 908`]
      assert.deepStrictEqual(heard, ["Open", ...expected, "Written api 7"])
    })
  )

  it.effect("is asked for by the names of the jobs, from now on, in the scope's region and namespace", () =>
    Effect.gen(function* () {
      const { asked, hears } = yield* listening(() => stream("{}\n"), {
        region: "eu",
        namespace: "team",
        jobs: ["api", "a b/c"]
      })
      yield* hears(1)
      const url = new URL(asked[0]?.url ?? "", "http://nomad")
      assert.deepStrictEqual(
        [...url.searchParams],
        [
          ["region", "eu"],
          ["namespace", "team"],
          ["index", "9007199254740991"],
          ["topic", "Job:api"],
          ["topic", "Deployment:api"],
          ["topic", "Job:a b/c"],
          ["topic", "Deployment:a b/c"]
        ]
      )
    })
  )

  it.effect.each<[string, ReadonlyArray<string>]>([
    ["a name with a colon, which Nomad refuses", ["a:b", "api"]],
    ["more names than fit", Array.from({ length: 200 }, (_, n) => `repository-${n}`)],
    ["no name", []]
  ])("of the whole namespace where there is %s", ([, jobs]) =>
    Effect.gen(function* () {
      const { asked, hears } = yield* listening(() => stream("{}\n"), { ...api, jobs })
      yield* hears(1)
      const url = new URL(asked[0]?.url ?? "", "http://nomad")
      assert.deepStrictEqual(url.searchParams.getAll("topic"), ["Job", "Deployment"])
    })
  )

  it.effect("over a unix socket as well", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "nomad-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true }))
      )
      const socket = join(folder, "api.sock")
      const { heard, hears } = yield* listening(() => stream("{}\n", line(job("api", 7))), api, { socket })
      yield* hears(2)
      assert.deepStrictEqual(heard, ["Open", "Written api 7"])
    })
  )
})

describe("when Nomad tells nothing", () => {
  const denied: Said = { status: 403, text: "Permission denied" }
  const silence = "Nomad's event stream said nothing for"
  const refused = `refused: Nomad answered 403: Permission denied; the token needs read-job in namespace "default"`

  it.effect.each<[string, (asked: Asked) => Said, Duration.Input, string]>([
    [
      "L3: a refusal by silence is told as one, by another call",
      (asked) => (isStream(asked) ? stream() : denied),
      "10 seconds",
      refused
    ],
    ["L3: an old server's refusal", () => denied, "0 seconds", refused],
    [
      "the Task API's, of no token",
      () => ({ status: 401, text: "Unauthorized" }),
      "0 seconds",
      `refused: Nomad answered 401: Unauthorized; the token needs read-job in namespace "default"`
    ],
    [
      "a server that fails",
      () => ({ status: 500, text: "no servers" }),
      "0 seconds",
      "unreachable: Nomad answered 500: no servers"
    ],
    [
      "a server that has none",
      () => ({ status: 404, text: "Invalid path" }),
      "0 seconds",
      "unreachable: Nomad answered 404: Invalid path"
    ],
    [
      "L3: silence, though the token may read",
      (asked) => (isStream(asked) ? stream() : { json: [] }),
      "10 seconds",
      `silent: ${silence} 10s`
    ],
    [
      "no answer at all",
      (asked) => (isStream(asked) ? { act: () => undefined } : { json: [] }),
      "10 seconds",
      `silent: ${silence} 10s`
    ]
  ])("%s", ([, script, time, expected]) =>
    Effect.gen(function* () {
      const { heard, hears, asked } = yield* listening(script)
      yield* arrives(() => asked.length > 0)
      yield* pass(time)
      yield* hears(1)
      assert.deepStrictEqual(heard, [expected])
    })
  )

  it.effect(
    "L3: a stream that falls silent, as after its token was deleted, is begun anew after 35 seconds",
    () =>
      Effect.gen(function* () {
        let left = 0
        const leaving = streamThat((response) => void response.on("close", () => (left += 1)), "{}\n")
        const { heard, hears, streams } = yield* listening((asked) => (isStream(asked) ? leaving : denied))
        yield* hears(1)
        yield* pass("34 seconds")
        assert.deepStrictEqual(heard, ["Open"])
        yield* pass("1 second")
        yield* hears(2)
        assert.deepStrictEqual(heard, ["Open", refused])
        yield* arrives(() => left === 1)
        yield* pass("1 second")
        yield* hears(3)
        assert.deepStrictEqual([heard[2], streams()], ["Open", 2])
      })
  )

  it.effect("a sign of life every 30 seconds is enough, for an hour", () =>
    Effect.gen(function* () {
      const open: Array<ServerResponse> = []
      const { heard, hears, streams } = yield* listening(() =>
        streamThat((response) => void open.push(response), "{}\n")
      )
      yield* hears(1)
      for (let n = 0; n < 120; n++) {
        yield* TestClock.adjust("30 seconds")
        for (const response of open) response.write("{}\n")
        for (let n = 0; n < 8; n++) yield* turn
      }
      assert.deepStrictEqual([heard.length, streams()], [1, 1])
    })
  )

  it.effect("one that ends in the middle of a line is begun anew, and nothing of the line is believed", () =>
    Effect.gen(function* () {
      const { heard, hears } = yield* listening((_, times) =>
        times === 1
          ? streamThat((response) => response.end(), "{}\n", line(job("api", 7)).slice(0, 40))
          : stream("{}\n", line(job("web", 7)))
      )
      yield* hears(2)
      yield* pass("1 second")
      yield* hears(4)
      assert.deepStrictEqual(heard, [
        "Open",
        "unreachable: Nomad ended its event stream",
        "Open",
        "Written web 7"
      ])
    })
  )

  it.effect(
    "L7: a server that ends each stream at once is asked less and less, once a minute in the end",
    () =>
      Effect.gen(function* () {
        const { streams } = yield* listening(() => streamThat((response) => response.end(), "{}\n"))
        yield* arrives(() => streams() === 1)
        yield* pass("2 minutes")
        const early = streams()
        assert.isAtMost(early, 9)
        assert.isAtLeast(early, 6)
        yield* pass("20 minutes")
        assert.isAtMost(streams() - early, 42)
        assert.isAtLeast(streams() - early, 18)
      })
  )
})

/** The bytes of a text in two pieces, cut inside of this character. */
function cutInside(character: string, text: string): ReadonlyArray<Uint8Array> {
  const bytes = Buffer.from(text)
  const at = bytes.indexOf(character) + 1
  return [bytes.subarray(0, at), bytes.subarray(at)]
}
