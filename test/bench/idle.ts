// `node test/bench/idle.ts [--quick]`: what 1,000 repositories in sync cost a minute, at the default interval: the leader
// alone, then with a standby beside it; and the polls of that minute by undici alone.
import { Effect, Layer } from "effect"
import { setTimeout as pause } from "node:timers/promises"
import type { Controller } from "../e2e/Controller.ts"
import { bareUndici } from "./ceilings.ts"
import { type Fleet, layerNomad, makeFleet, progress } from "./Fleet.ts"
import { processUse } from "./processUse.ts"
import { quick } from "./quick.ts"
import { report, type Row } from "./report.ts"

const size = quick
  ? { repositories: 5, tags: 3, interval: "1s", seconds: 2 }
  : { repositories: 1000, tags: 100, interval: "59s", seconds: 60 }

/** What was used in a while, for a minute of it; the memory at its end. */
const measured = async (fleet: Fleet, processes: ReadonlyArray<Controller>) => {
  const look = async () => ({
    registry: await fleet.registryRequests(),
    nomad: await fleet.nomadRequests(),
    statements: processes.map(({ name }) => fleet.statements(name)),
    uses: processes.map(({ pid }) => processUse(pid))
  })
  const before = await look()
  await pause(size.seconds * 1000)
  const after = await look()
  const aMinute = (used: number) => (used * 60) / size.seconds
  return {
    registry: aMinute(after.registry - before.registry),
    nomad: aMinute(after.nomad - before.nomad),
    statements: after.statements.map((sent, n) => aMinute(sent - (before.statements[n] ?? 0))),
    cpu: after.uses.map(({ cpu }, n) => aMinute(cpu - (before.uses[n]?.cpu ?? 0))),
    resident: after.uses.map(({ resident }) => resident)
  }
}

const program = Effect.gen(function* () {
  const fleet = yield* makeFleet(size)
  yield* Effect.promise(async () => {
    progress("until all are in sync, and one interval more")
    const leader = await fleet.start("leader")
    await fleet.inSync()
    await pause(size.seconds * 1000)
    progress(`${size.seconds} s of the leader alone`)
    const alone = await measured(fleet, [leader])
    progress(`${size.seconds} s with a standby`)
    const standby = await fleet.start("standby")
    await pause(size.seconds * 100)
    const both = await measured(fleet, [leader, standby])
    await leader.stop()
    await standby.stop()
    progress(`${size.seconds} s of the same polls by undici alone`)
    const bare = await bareUndici(fleet.registry, size.repositories, size.seconds, 1)
    const bareCpu = (bare.cpu * 60) / size.seconds
    const rows: ReadonlyArray<Row> = [
      { what: "leader: CPU a minute", value: alone.cpu[0] ?? Number.NaN, unit: "ms", ceiling: bareCpu },
      {
        what: "leader: resident",
        value: alone.resident[0] ?? Number.NaN,
        unit: "MiB",
        ceiling: bare.resident
      },
      {
        what: "leader: registry requests a minute",
        value: alone.registry,
        unit: "requests",
        ceiling: (size.repositories * 60) / Number.parseFloat(size.interval)
      },
      { what: "leader: Nomad requests a minute", value: alone.nomad, unit: "requests" },
      { what: "leader: statements a minute", value: alone.statements[0] ?? Number.NaN, unit: "statements" },
      { what: "standby: CPU a minute", value: both.cpu[1] ?? Number.NaN, unit: "ms" },
      { what: "standby: resident", value: both.resident[1] ?? Number.NaN, unit: "MiB" },
      { what: "standby: statements a minute", value: both.statements[1] ?? Number.NaN, unit: "statements" },
      {
        what: "both: registry and Nomad requests a minute",
        value: both.registry + both.nomad,
        unit: "requests",
        ceiling: alone.registry + alone.nomad
      }
    ]
    report("idle", rows)
  })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layerNomad.pipe(Layer.orDie))))
