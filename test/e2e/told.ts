import assert from "node:assert/strict"
import { configuration } from "./Controller.ts"
import { until } from "./until.ts"
import type { World } from "./World.ts"

/** The interval is an hour: what is seen here was told by Nomad's event stream, or listed when it began anew. */
export const told = async (world: World): Promise<void> => {
  await world.push("v0.9.0")
  await world.begin("v1.0.0")
  const { registry } = world.parts
  const watching = { registry, repositories: [world.name] }
  const controller = await world.start("a", (port) => configuration(port, watching, { interval: "1h" }))
  const decided = () => {
    const { decision, reason } = controller.said("decided").at(-1) ?? {}
    return [decision, reason].join(" ").trim()
  }
  const streamIs = async (state: string) => {
    const metrics = await (await fetch(`${controller.url}/metrics`)).text()
    return new RegExp(`^registrywatcher_nomad_events\\{.*state="${state}".*\\} 1$`, "m").test(metrics)
  }
  await until("the first look", () => decided() === "InSync")
  await until("the stream", () => streamIs("open"))
  await world.register(`${world.image}:v0.9.0`)
  await until("somebody's rollout to be seen", () => decided() === "Follow" || decided() === "Stall drift", 5)
  await until("its image to be held against them", () => decided() === "Stall drift")

  world.proxy.close()
  await until("the end of the stream", () => streamIs("unreachable"))
  await world.register(`${world.image}:v1.0.0`)
  await world.proxy.listen()
  await until("what nobody told of", () => decided() === "InSync", 30)
  assert.equal(await streamIs("open"), true)
  assert.deepEqual(world.registered, [])
}
