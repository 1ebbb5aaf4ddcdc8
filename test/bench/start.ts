// `npm run bench -- start`: from the start of the process to /health/ready: on an empty database, on that of 1,000
// repositories, on the embedded one; and from the kill -9 of the leader to what the other does then. Beside it `node -e 0`.
import { Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { type Controller, entry } from "../e2e/Controller.ts"
import { until } from "../e2e/until.ts"
import { type Fleet, layerNomad, makeFleet, progress } from "./Fleet.ts"
import { quick } from "./quick.ts"
import { percentiles, report, type Row } from "./report.ts"

const times = quick ? 1 : 7
const repositories = quick ? 3 : 1000
/** Milliseconds between two questions whether something is so: no figure is more exact. */
const every = 5

/** Milliseconds from each start to ready; each is ended before the next. */
const starts = async (
  fleet: Fleet,
  before: () => void | Promise<void>,
  more?: Parameters<Fleet["launch"]>[1]
): Promise<ReadonlyArray<number>> => {
  const taken: Array<number> = []
  for (let n = 0; n < times; n++) {
    await before()
    const began = performance.now()
    const controller = await fleet.launch("controller", more)
    await controller.ready(every)
    taken.push(performance.now() - began)
    await controller.stop()
  }
  return taken
}

const leads = (controller: Controller) =>
  until(`${controller.name} to lead`, () => controller.said("watching").length > 0, 60, every)

/** From kill -9 of the leader to the other's leading, and to its first question to Nomad. */
const takeOvers = async (fleet: Fleet, nomad: NomadSimulator["Service"]) => {
  const leading: Array<number> = []
  const asking: Array<number> = []
  let leader = await fleet.start("0")
  await leads(leader)
  for (let n = 1; n <= times; n++) {
    const other = await fleet.start(`${n}`)
    // It asks for the lock while it waits, which nothing tells; the leader is to be at rest as well.
    await until("both to be at rest", async () => (await role(other)) === "standby", 20, 500)
    const asked = (await Effect.runPromise(nomad.requests)).length
    const began = performance.now()
    await leader.kill()
    const killed = performance.timeOrigin + performance.now()
    await leads(other)
    leading.push(performance.now() - began)
    let at = Number.NaN
    await until("its first question", async () => {
      const requests = await Effect.runPromise(nomad.requests)
      at = requests.slice(asked).find((request) => request.at >= killed)?.at ?? Number.NaN
      return !Number.isNaN(at)
    })
    asking.push(at - performance.timeOrigin - began)
    leader = other
  }
  await leader.stop()
  return { leading, asking }
}

const role = async ({ url }: Controller): Promise<string> =>
  ((await (await fetch(`${url}/health/ready`)).json()) as { readonly role: string }).role

const program = Effect.gen(function* () {
  const nomad = yield* NomadSimulator
  const fleet = yield* makeFleet({ repositories, tags: 1, interval: "10s", durable: true })
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "rw-bench-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  yield* Effect.promise(async () => {
    progress("node itself")
    const node = Array.from({ length: times }, () => {
      const began = performance.now()
      execFileSync(process.execPath, ["-e", "0"])
      return performance.now() - began
    })
    progress("on an empty database")
    const empty = await starts(fleet, () => fleet.emptyDatabase())
    progress("the same from the sources")
    const sources = await starts(fleet, () => fleet.emptyDatabase(), { entry })
    progress(`on that of ${repositories} repositories`)
    const first = await fleet.start("controller")
    await fleet.inSync()
    await first.stop()
    const full = await starts(fleet, () => {})
    progress("on the embedded Postgres")
    const embedded = { folder, entry, database: undefined }
    const made = await starts(
      fleet,
      () => rmSync(join(folder, "data"), { recursive: true, force: true }),
      embedded
    )
    const again = await starts(fleet, () => {}, embedded)
    progress("kill -9 of the leader")
    const { leading, asking } = await takeOvers(fleet, nomad)

    const ceiling = percentiles(node).p50
    const row = (what: string, values: ReadonlyArray<number>): Row => ({
      what,
      value: percentiles(values).p50,
      unit: "ms",
      ceiling
    })
    const { p50, max } = percentiles(leading)
    report("start", [
      row("start → ready: the bundle, migrations included", empty),
      row("start → ready: the sources, migrations included", sources),
      row(`start → ready: the bundle, ${repositories} repositories known`, full),
      row("start → ready: the sources, embedded Postgres made", made),
      row("start → ready: the sources, embedded Postgres there", again),
      { what: "kill -9 of the leader → the other leads, p50", value: p50, unit: "ms" },
      { what: "kill -9 of the leader → the other leads, max", value: max, unit: "ms" },
      {
        what: "kill -9 of the leader → its first question to Nomad, p50",
        value: percentiles(asking).p50,
        unit: "ms"
      }
    ])
  })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layerNomad.pipe(Layer.orDie))))
