// `npm run bench -- rollouts [--quick]`: 1,000 jobs that roll out at once after one push each, followed by the shipped entry
// as a process on a real docker-registry and a real Postgres; beside it the one call that cannot be spared, by undici alone.
import { Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import { promisify } from "node:util"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { buildImage } from "../../src/sim/registry/image.ts"
import { until } from "../e2e/until.ts"
import { push } from "../real/wire.ts"
import { type Fleet, layerNomad, makeFleet, progress } from "./Fleet.ts"
import { processUse } from "./processUse.ts"
import { quick } from "./quick.ts"
import { percentiles, report, type Row } from "./report.ts"

/** `healthyAfter`: milliseconds from a task's start; all are to be under way before the first is over. */
const size = quick
  ? { repositories: 5, seconds: 2, bareSeconds: 2, healthyAfter: 15_000 }
  : { repositories: 1000, seconds: 60, bareSeconds: 20, healthyAfter: 180_000 }

/** The look at all rollouts every 2 seconds, and the listing once an interval (`design.md` §5). */
const callsASecond = 1 / 2 + 1 / 59
/** What one address may ask of the API is 100. */
const toldASecond = 90

const nowMillis = () => performance.timeOrigin + performance.now()
const run = promisify(execFile)

/** As a registry's webhook would: each repository is looked at now. */
const tellAll = async (url: string, names: ReadonlyArray<string>): Promise<void> => {
  await Promise.all(
    names.map(async (name, n) => {
      await pause((n * 1000) / toldASecond)
      const { ok, status } = await fetch(`${url}/v1/repositories/${name}/check`, { method: "POST" })
      if (!ok) throw new Error(`check: ${status}`)
    })
  )
}

/** The time of each attempt in milliseconds since 1970, by its job. */
const attemptTimes = async (fleet: Fleet, column: "accepted_at" | "ended_at") => {
  const rows = await fleet.sql(
    `select job, extract(epoch from ${column}) * 1000 from attempt where ${column} is not null`
  )
  return new Map(
    rows.split("\n").map((row): [string, number] => {
      const [job = "", at] = row.split("|")
      return [job, Number(at)]
    })
  )
}

const program = Effect.gen(function* () {
  const nomad = yield* NomadSimulator
  const { repositories, seconds, healthyAfter } = size
  // Nobody gives a rollout up here.
  const update = { HealthyDeadline: 3600e9, ProgressDeadline: 7200e9 }
  const fleet = yield* makeFleet({ repositories, tags: 1, interval: "59s", job: { update } })
  yield* nomad.setOutcome({ image: ":v1.1.0", outcome: { _tag: "Healthy", after: healthyAfter } })
  const count = async (state: string) =>
    Number(await fleet.sql(`select count(*) from attempt where state = '${state}'`))
  const requests = () => Effect.runPromise(nomad.requests)

  yield* Effect.promise(async () => {
    progress("until all are in sync")
    const controller = await fleet.start("controller")
    await fleet.inSync()
    const look = async () => ({
      at: nowMillis(),
      use: processUse(controller.pid),
      statements: fleet.statements("controller"),
      requests: (await requests()).length
    })

    progress("one push each, and each is told of")
    const atFirst = await look()
    await Effect.runPromise(push({ origin: fleet.registry }, "bench/seed", "v1.1.0", buildImage("next")))
    const pushed = nowMillis()
    await tellAll(controller.url, fleet.names)
    const told = nowMillis()
    const isAll = async (state: string) => (await count(state)) === repositories
    await until("all to be accepted", () => isAll("accepted"), 600, 250)
    const accepted = await attemptTimes(fleet, "accepted_at")
    // Each is read once more after its register, and then found in the one look at all.
    const isFollowed = async () =>
      Number(await fleet.sql("select count(*) from attempt where deployment_id is not null")) === repositories
    await until("all to be followed", isFollowed, 600, 250)
    await pause(3000)
    const opened = await look()

    progress(`${seconds} s of ${repositories} open rollouts`)
    const before = await look()
    await pause(seconds * 1000)
    const after = await look()
    if (!(await isAll("accepted"))) throw new Error("some rollouts were over before all were measured")
    const asked = (await requests()).slice(before.requests, after.requests)
    const kinds = Object.entries(
      Object.groupBy(
        asked,
        ({ method, path }) => `${method} ${path.replace(/\?.*/, "").replace(/repo-\d+/, "…")}`
      )
    )
    for (const [kind, calls] of kinds) progress(`  ${calls?.length} × ${kind}`)

    progress("the same by undici alone")
    const bareFile = new URL("bareStatuses.ts", import.meta.url).pathname
    const { stdout } = await run(process.execPath, [
      bareFile,
      nomad.url,
      String(repositories),
      String(size.bareSeconds)
    ])
    const bare = JSON.parse(stdout) as { readonly cpu: number; readonly resident: number }

    progress("until all have succeeded")
    await until("all to have succeeded", () => isAll("succeeded"), 600, 250)
    const ended = await look()
    const rows = await attemptTimes(fleet, "ended_at")
    const answer = await fetch(`${nomad.url}/v1/deployments`)
    const deployments = (await answer.json()) as ReadonlyArray<{
      readonly JobID: string
      readonly JobVersion: number
      readonly Status: string
      readonly ModifyTime: number
    }>
    const wellAt = new Map(
      deployments
        .filter(({ JobVersion, Status }) => JobVersion === 1 && Status === "successful")
        .map(({ JobID, ModifyTime }) => [JobID, ModifyTime / 1e6])
    )
    const lags = fleet.names.map((name) => (rows.get(name) ?? Number.NaN) - (wellAt.get(name) ?? Number.NaN))
    const lag = percentiles(lags)
    const last = Math.max(...rows.values()) - Math.max(...wellAt.values())
    await controller.stop()

    const took = (after.at - before.at) / 1000
    const figures: ReadonlyArray<Row> = [
      {
        what: "open: Nomad calls a second",
        value: (after.requests - before.requests) / took,
        unit: "calls",
        ceiling: callsASecond
      },
      {
        what: "open: CPU a second",
        value: (after.use.cpu - before.use.cpu) / took,
        unit: "ms",
        ceiling: bare.cpu
      },
      {
        what: "open: statements a second",
        value: (after.statements - before.statements) / took,
        unit: "statements"
      },
      { what: "open: resident", value: after.use.resident, unit: "MiB", ceiling: bare.resident },
      {
        what: "push → the last register accepted",
        value: (Math.max(...accepted.values()) - pushed) / 1000,
        unit: "s",
        ceiling: (told - pushed) / 1000
      },
      {
        what: "a register: CPU, polls and first look included",
        value: (opened.use.cpu - atFirst.use.cpu) / repositories,
        unit: "ms"
      },
      {
        what: "a register: Nomad calls",
        value: (opened.requests - atFirst.requests) / repositories,
        unit: "calls"
      },
      {
        what: "a register: statements",
        value: (opened.statements - atFirst.statements) / repositories,
        unit: "statements"
      },
      { what: "success in Nomad → its row, p50", value: lag.p50, unit: "ms" },
      { what: "success in Nomad → its row, p99", value: lag.p99, unit: "ms" },
      { what: "the last success → the last row", value: last, unit: "ms" },
      { what: "an end: Nomad calls", value: (ended.requests - after.requests) / repositories, unit: "calls" },
      { what: "resident at most", value: ended.use.peak, unit: "MiB" }
    ]
    report("rollouts", figures)
  })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layerNomad.pipe(Layer.orDie))))
