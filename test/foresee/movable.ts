import { Effect } from "effect"
import type { Watched } from "../../src/domain/Watched.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { watchedAs } from "../reconcile/loop.ts"
import { pass } from "../reconcile/story.ts"

/** Jobs of these names run v1.0.0; the registry has v1.1.0 as well, which nobody saw yet. */
export const movable = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  change: Partial<Watched> = {}
) {
  const nomad = yield* NomadSimulator
  const registry = yield* RegistrySimulator
  const { host } = registry.origin
  for (const name of names) {
    for (const tag of ["v1.0.0", "v1.1.0"]) yield* registry.push(name, tag)
    yield* nomad.register(sampleJob({ id: name, image: `${host}/${name}:v1.0.0` }))
  }
  yield* pass("15 seconds")
  const watched = names.map((name) => watchedAs(name, host, change))
  yield* (yield* StateStore).adopt(watched)
  return watched
})
