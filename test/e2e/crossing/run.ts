// `npm run crossing [-- --quick] [-- STORY…]`: every story is played once without a fault, then with kill -9 at each of
// four points of its register, and the end must be the same: registers that the proxy let through = versions of ours in
// Nomad = those of the run without a fault, the job, the rows, the outcomes, the decision. Then with a part that stops,
// freezes or restarts (`outages.ts`). Prints one line a crossing, then the table; exits 1 on any difference.
//
// Real: the shipped entry as processes, Postgres, docker-registry, HTTP through the proxy, SIGKILL and SIGSTOP. Not real:
// Nomad is the simulator, and a lost register lives 3 s instead of 45 (`kill-before` of `npm run e2e` waits the 45).
import { Cause, Effect, Exit, Layer } from "effect"
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { inspect, isDeepStrictEqual } from "node:util"
import { byTag, NomadSimulator, tagOf } from "../../../src/sim/NomadSimulator.ts"
import { dockerRegistry } from "../../real/dockerRegistry.ts"
import { postgresFolder, startPostgres } from "../../real/postgresServer.ts"
import { Controller } from "../Controller.ts"
import { until } from "../until.ts"
import { badTags, type Parts } from "../World.ts"
import type { EndState } from "./EndState.ts"
import { killPoints, type KillPoint } from "./killPoints.ts"
import {
  begin,
  type FailingPart,
  failingPart,
  kindNames,
  type Outage,
  outages,
  partNames
} from "./outages.ts"
import { Stage } from "./Stage.ts"
import { stories, type Story } from "./stories.ts"

/** Who goes on: an instance that waits already, or the same one, started again. */
type Heir = "other" | "same"

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const secondsSince = (since: number): string =>
  `${((performance.now() - since) / 1000).toFixed(1).padStart(5)} s`

/** A story without a fault: what must come of every crossing of it. */
const playFaultFree = async (story: Story, stage: Stage): Promise<EndState> => {
  await story.before(stage)
  await stage.leads(await stage.start("a"))
  if (story.needsStandby === true) await stage.start("b")
  if (story.isFirstSight !== true) await stage.rests(atFirst(story))
  await story.prepare?.(stage)
  await story.act(stage)
  await story.next?.(stage)
  // The end may look like the beginning, but for what was registered.
  await until("its registers", () => stage.registers >= story.registers, 60)
  await stage.rests(...story.ends)
  const state = await stage.restingState()
  assert.equal(state.registers, story.registers, "registers without a fault")
  assert.equal(state.ours, story.registers, "versions of ours without a fault")
  return state
}

/** The decision of every repository before the change. */
const atFirst = ({ worker }: Story): string => (worker === true ? "InSync, InSync" : "InSync")

/** Answers the time from the kill to the end state, in words. */
const playKilled = async (
  story: Story,
  point: KillPoint,
  heir: Heir,
  stage: Stage,
  expected: EndState
): Promise<string> => {
  await story.before(stage)
  if (story.isFirstSight !== true) {
    await stage.leads(await stage.start("a"))
    if (heir === "other") await stage.start("b")
    await stage.rests(atFirst(story))
    await story.prepare?.(stage)
  }
  let killed = 0
  const { struck } = await point.arm(stage, async () => {
    await stage.leader.kill()
    killed = performance.now()
  })
  // It is awaited below: until then its failure is nobody's.
  struck.catch(() => {})
  if (story.isFirstSight === true) await stage.launch("a")
  await story.act(stage)
  await within(90, `to come to "${point.name}"`, struck)
  // At first sight nobody waits: whoever stood by would have seen it as well.
  if (heir === "same" || story.isFirstSight === true) await stage.start("again")
  await story.next?.(stage)
  await comesTo(stage, expected)
  // It hit where it was meant to.
  if (point.settledAs !== undefined) assert.ok(stage.settled.includes(point.settledAs), "settled as")
  return secondsSince(killed)
}

/** The part goes away as the first register of the change is on its way; nothing is killed. */
const playOutage = async (
  story: Story,
  outage: Outage,
  failing: FailingPart,
  stage: Stage,
  expected: EndState
): Promise<string> => {
  await story.before(stage)
  await stage.leads(await stage.start("a"))
  await stage.start("b")
  await stage.rests(atFirst(story))
  await story.prepare?.(stage)
  const { proxy, name } = stage.world
  let back = 0
  const struck = Promise.withResolvers<void>()
  struck.promise.catch(() => {})
  const strike = async () => {
    const { over } = await begin(outage, failing, proxy)
    over
      .then(() => {
        back = performance.now()
        struck.resolve()
      })
      .catch(struck.reject)
  }
  proxy.ambush(name, { kind: "through", strike: () => strike().catch(struck.reject) })
  await story.act(stage)
  await within(60, "for the outage to be over", struck.promise)
  await story.next?.(stage)
  await comesTo(stage, expected)
  return secondsSince(back)
}

const within = <A>(seconds: number, what: string, promise: Promise<A>): Promise<A> => {
  const late = pause(seconds * 1000, undefined, { ref: false })
  return Promise.race([promise, late.then(() => Promise.reject(new Error(`waited ${seconds} s ${what}`)))])
}

/** Waits for this end, and for more than an interval that it stays; where it does not come, the difference is thrown. */
const comesTo = async (stage: Stage, expected: EndState): Promise<void> => {
  const isThere = async () => isDeepStrictEqual(await stage.state(), expected)
  await until("the end state", isThere, 60).catch(() => {})
  assert.deepEqual(await stage.restingState(), expected)
}

const table = (
  rows: ReadonlyArray<string>,
  columns: ReadonlyArray<string>,
  cell: (row: string, column: string) => string
): void => {
  say(`\n| | ${columns.join(" | ")} |\n|---|${columns.map(() => "---|").join("")}`)
  for (const row of rows) say(`| ${row} | ${columns.map((column) => cell(row, column)).join(" | ")} |`)
}

/** Runs all of them, a few at once; a run is begun in the order of the list. */
const pool = async (runs: ReadonlyArray<() => Promise<void>>): Promise<void> => {
  const queue = [...runs]
  const worker = async (): Promise<void> => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) await run()
  }
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker))
}

const cross = async (parts: Parts, chosen: ReadonlyArray<Story>, isQuick: boolean): Promise<boolean> => {
  const cells = new Map<string, string>()
  let failed = 0
  /** One run with its stage, told in one line. */
  const run = async <A>(
    story: Story,
    what: string,
    play: (stage: Stage) => Promise<A>,
    own: { readonly parts?: Partial<Parts>; readonly isQuick?: boolean } = {}
  ): Promise<A | undefined> => {
    const since = performance.now()
    const name = `${story.name}-${what.toLowerCase().replaceAll(" ", "-")}`
    const stage = new Stage(
      name,
      { ...parts, ...own.parts },
      {
        keys: story.keys ?? "",
        worker: story.worker ?? false,
        isQuick: own.isQuick ?? true
      }
    )
    const answer = await play(stage).then(
      (played) => ({ played }),
      (error: unknown) => ({ error })
    )
    const settled = [...new Set(stage.settled)].join(", ")
    const output = await stage.end()
    const isOk = "played" in answer
    const note =
      isOk && typeof answer.played === "string" ? `  the end came after ${answer.played}  ${settled}` : ""
    say(
      `${isOk ? "ok  " : "FAIL"} ${secondsSince(since)}  ${story.name.padEnd(16)} ${what.padEnd(22)}${note}`
    )
    cells.set(`${story.name} ${what}`, isOk ? "same" : "DIFFERS")
    if (isOk) return answer.played
    failed++
    say(`${inspect(answer.error, { depth: 8 })}\n${output.split("\n").slice(-80).join("\n")}`)
    return undefined
  }
  const expected = new Map<Story, Promise<EndState | undefined>>()
  const faultFree = chosen.map((story) => () => {
    const state = run(story, "fault-free", (stage) => playFaultFree(story, stage))
    expected.set(story, state)
    return state.then(() => {})
  })
  const outage = chosen
    .filter(({ name }) => name === "two-in-a-row")
    .flatMap((story) =>
      outages.map((outage, at) => async () => {
        if (isQuick && at % 4 !== 0) return
        const state = await expected.get(story)
        if (state === undefined) return
        const failing = await failingPart(outage.part)
        // A frozen Nomad may take late what it was sent: there the 45 s are what they are for.
        const own = { parts: failing.parts, isQuick: outage.part !== "Nomad" }
        const what = `${outage.part} ${outage.kind}`
        await run(story, what, (stage) => playOutage(story, outage, failing, stage, state), own)
        failing.end()
      })
    )
  const killed = chosen.flatMap((story, row) =>
    killPoints.flatMap((point, column) => {
      if (isQuick && row % killPoints.length !== column) return []
      const heir: Heir = story.needsStandby === true || (row + column) % 2 === 0 ? "other" : "same"
      return async () => {
        const state = await expected.get(story)
        if (state === undefined) return
        await run(story, point.name, (stage) => playKilled(story, point, heir, stage, state))
      }
    })
  )
  await pool([...faultFree, ...outage, ...killed])
  const names = chosen.map(({ name }) => name)
  const cell = (row: string, column: string) => cells.get(`${row} ${column}`) ?? "-"
  const points = killPoints.map(({ name }) => name)
  table(names, points, cell)
  table(partNames, kindNames, (part, kind) => cell("two-in-a-row", `${part} ${kind}`))
  return failed === 0
}

const program = Effect.gen(function* () {
  const args = process.argv.slice(2)
  const names = args.filter((arg) => !arg.startsWith("--"))
  const chosen = stories.filter(({ name }) => names.length === 0 || names.includes(name))
  const { origin } = yield* dockerRegistry()
  const postgres = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const running = await startPostgres(postgresFolder())
      return running ?? Promise.reject(new Error("there is no Postgres to run"))
    }),
    ({ stop }) => Effect.promise(stop)
  )
  const { url } = yield* NomadSimulator
  const parts = { registry: origin, nomad: url, isAgent: false, postgres: postgres.url }
  // Where the entry finds itself compiled: it is started some 150 times.
  const compiled = mkdtempSync(join(tmpdir(), "rw-compiled-"))
  process.env["NODE_COMPILE_CACHE"] = compiled
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(compiled, { recursive: true, force: true })))
  const makeDatabase = yield* Effect.promise(() => migrated(parts))
  const began = performance.now()
  const isSame = yield* Effect.promise(() =>
    cross({ ...parts, makeDatabase }, chosen, args.includes("--quick"))
  )
  say(`\n${isSame ? "every end is the same" : "there are differences"}, ${secondsSince(began)}`)
  return isSame
})

const psql = (url: string, statement: string): void =>
  void execFileSync("psql", ["-XAtq", "-c", statement, url])

/** Makes databases that are migrated already, as the shipped entry does it. */
const migrated = async (parts: Omit<Parts, "makeDatabase">): Promise<Parts["makeDatabase"]> => {
  const make = async (name: string, template: string): Promise<void> =>
    psql(`${parts.postgres}/postgres`, `create database ${name} template ${template}`)
  await make("crossing", "template1")
  const folder = mkdtempSync(join(tmpdir(), "rw-crossing-"))
  const { exitCode } = await Controller.command(["token", "list"], {
    folder,
    nomad: parts.nomad,
    database: `${parts.postgres}/crossing`,
    registry: parts.registry,
    repositories: ["crossing"]
  })
  rmSync(folder, { recursive: true })
  assert.equal(exitCode, 0)
  return (name) => make(name, "crossing")
}

const outcome: typeof byTag = (start) =>
  badTags.has(tagOf(start.image)) ? { _tag: "NeverHealthy" } : byTag(start)

const exit = await Effect.runPromiseExit(
  program.pipe(Effect.scoped, Effect.provide(NomadSimulator.layer({ outcome }).pipe(Layer.orDie)))
)
if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
process.exitCode = Exit.isSuccess(exit) && exit.value ? 0 : 1
