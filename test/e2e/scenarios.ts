import assert from "node:assert/strict"
import { notified } from "./notified.ts"
import { redeployFailed, rollback } from "./orders.ts"
import { told } from "./told.ts"
import { until } from "./until.ts"
import { upgrade } from "./upgrade.ts"
import { badTags, type World } from "./World.ts"

/** One story, told by registers at the proxy and by digests. */
export interface Scenario {
  readonly name: string
  readonly sentence: string
  readonly play: (world: World) => Promise<void>
  /** Why a real agent can not have it. */
  readonly notOnAgent?: string
}

const scenario = (
  name: string,
  sentence: string,
  play: Scenario["play"],
  more: Pick<Scenario, "notOnAgent"> = {}
): Scenario => ({ name, sentence, play, ...more })

/** Exactly these registers reached Nomad, in this order, and the job runs the last of them. */
const assertRegistered = async (world: World, ...images: ReadonlyArray<string>): Promise<void> => {
  assert.deepEqual(world.registered, images)
  const last = images.at(-1)
  if (last !== undefined) assert.equal(await world.running(), last)
}

export const scenarios: ReadonlyArray<Scenario> = [
  // First, for it waits 45 seconds while the others play.
  scenario(
    "kill-before",
    "the leader dies before Nomad got the register: the other sends it when it can no longer come",
    async (world) => {
      await world.begin("v1.0.0")
      const leader = await world.start("a")
      const other = await world.start("b")
      world.proxy.ambush(world.name, { kind: "before", strike: () => leader.kill() })
      const digest = await world.push("v1.1.0")
      await until("the other to settle", () => other.said("settled attempt")[0]?.["found"] === "Absent")
      assert.deepEqual(world.registered, [])
      // The longest life of a lost register is 45 s, by Postgres's clock.
      await world.settled(world.at("v1.1.0", digest), 70)
      await assertRegistered(world, world.at("v1.1.0", digest))
      assert.equal(
        world.sql("select extract(epoch from max(submitted_at) - min(submitted_at)) >= 45 from attempt"),
        "t"
      )
    }
  ),

  scenario("new-version", "a higher version is deployed by digest, once", async (world) => {
    await world.begin("v1.0.0")
    const controller = await world.start()
    const digest = await world.push("v1.1.0")
    await world.settled(world.at("v1.1.0", digest))
    const next = await world.push("v1.2.0")
    await world.settled(world.at("v1.2.0", next))
    await assertRegistered(world, world.at("v1.1.0", digest), world.at("v1.2.0", next))
    assert.equal(((await controller.get(`/tags/${world.name}`)) as { repo_tag: string }).repo_tag, "v1.2.0")
    const metrics = await (await fetch(`${controller.url}/metrics`)).text()
    assert.match(metrics, /^registrywatcher_registers_total\{answer="Accepted"\} 2$/m)
    assert.match(metrics, /^registrywatcher_registry_polls_total\{.*result="answered".*\} [1-9]/m)
  }),

  scenario("lower-version", "a lower version is not, and the next higher one still is", async (world) => {
    await world.begin("v1.5.0")
    const controller = await world.start()
    await world.push("v1.4.9")
    await world.viewed(controller, "v1.4.9")
    const digest = await world.push("v1.5.1")
    await world.settled(world.at("v1.5.1", digest))
    await assertRegistered(world, world.at("v1.5.1", digest))
  }),

  scenario("pin", "a pin goes back, and holds against higher versions", async (world) => {
    const pinned = "v1.0.0"
    await world.begin("v1.1.0", pinned)
    const controller = await world.start()
    const digest = await world.push(pinned)
    assert.match(await controller.post(`/tags/${world.name}`, { pinned_tag: pinned }), /pinned to v1\.0\.0/)
    await world.settled(world.at(pinned, digest))
    await world.push("v1.2.0")
    // Looked at again since: checks are recorded every 10 seconds.
    await until(
      "the next check",
      () => world.sql("select max(checked_at) > max(updated_at) from checked, repository") === "t",
      30
    )
    await assertRegistered(world, world.at(pinned, digest))
  }),

  scenario(
    "overwritten-pin",
    "a pinned tag is deployed anew when its digest changes, and only then",
    async (world) => {
      await world.begin("v1.0.0", "stable")
      const controller = await world.start()
      const first = await world.push("stable", "one")
      await controller.post(`/tags/${world.name}/`, { pinned_tag: "stable" })
      await world.settled(world.at("stable", first))
      await world.push("stable", "one")
      const second = await world.push("stable", "two")
      await world.settled(world.at("stable", second))
      await assertRegistered(world, world.at("stable", first), world.at("stable", second))
    }
  ),

  scenario(
    "off-push-on",
    "what is pushed while auto_deploy is off is deployed once it is on",
    async (world) => {
      await world.begin("v1.0.0")
      const controller = await world.start()
      await controller.post(`/tags/${world.name}`, { auto_deploy: false })
      await world.push("v1.1.0")
      const last = await world.push("v1.2.0")
      await world.viewed(controller, "v1.2.0")
      await until("the wait to be decided", () =>
        controller.said("decided").some(({ reason }) => reason === "auto_deploy_off")
      )
      assert.deepEqual(world.registered, [])
      await controller.post(`/tags/${world.name}`, { auto_deploy: true })
      await world.settled(world.at("v1.2.0", last))
      await assertRegistered(world, world.at("v1.2.0", last))
    }
  ),

  scenario(
    "reset",
    "a reset from a pin that is no version follows the last version's shape",
    async (world) => {
      await world.begin("v1.0.0", "stable", "9.0.0")
      const controller = await world.start()
      const stable = await world.push("stable")
      await controller.post(`/tags/${world.name}`, { pinned_tag: "stable" })
      await world.settled(world.at("stable", stable))
      const digest = await world.push("v1.1.0")
      await controller.post(`/tags/${world.name}/reset`)
      await world.settled(world.at("v1.1.0", digest))
      await assertRegistered(world, world.at("stable", stable), world.at("v1.1.0", digest))
    }
  ),

  scenario(
    "restart",
    "a restart with nothing to do does nothing, and misses nothing pushed meanwhile",
    async (world) => {
      await world.begin("v1.0.0")
      const before = await world.start()
      const digest = await world.push("v1.1.0")
      await world.settled(world.at("v1.1.0", digest))
      await until("the outcome", () => world.sql("select state from attempt") === "succeeded")
      assert.equal(await before.stop(), 130)
      const after = await world.start("b")
      await world.push("v1.0.1")
      await world.viewed(after, "v1.0.1")
      await assertRegistered(world, world.at("v1.1.0", digest))
      await after.stop()
      const next = await world.push("v1.2.0")
      await world.start("c")
      await world.settled(world.at("v1.2.0", next))
      await assertRegistered(world, world.at("v1.1.0", digest), world.at("v1.2.0", next))
    }
  ),

  scenario(
    "lost-answer",
    "a register whose answer is lost is found by its marker, not sent again",
    async (world) => {
      await world.begin("v1.0.0")
      const controller = await world.start()
      world.proxy.ambush(world.name, { kind: "lose-answer" })
      const digest = await world.push("v1.1.0")
      await world.settled(world.at("v1.1.0", digest))
      await until("the outcome", () => world.sql("select state from attempt") === "succeeded")
      assert.equal(controller.said("settled attempt")[0]?.["found"], "Accepted")
      await assertRegistered(world, world.at("v1.1.0", digest))
    }
  ),

  scenario("auto-revert", "what Nomad reverts is not tried again, and the next version is", async (world) => {
    await world.begin("v1.0.0")
    const controller = await world.start()
    badTags.add("v1.1.66")
    const bad = await world.push("v1.1.66")
    await until("the revert to be known", () => world.sql("select state from attempt") === "reverted", 30)
    assert.equal(await world.running(), `${world.image}:v1.0.0`)
    await world.push("v0.1.0")
    await world.viewed(controller, "v0.1.0")
    assert.deepEqual(world.registered, [world.at("v1.1.66", bad)])
    const good = await world.push("v1.2.0")
    await world.settled(world.at("v1.2.0", good))
    await assertRegistered(world, world.at("v1.1.66", bad), world.at("v1.2.0", good))
  }),

  scenario("two-instances", "of two instances one acts, and both answer", async (world) => {
    await world.begin("v1.0.0")
    const [a, b] = [await world.start("a"), await world.start("b")]
    const digest = await world.push("v1.1.0")
    await world.settled(world.at("v1.1.0", digest))
    assert.equal(a.said("leading").length + b.said("leading").length, 1)
    const standby = a.said("leading").length === 1 ? b : a
    const back = await world.push("v1.0.0")
    await standby.post(`/tags/${world.name}`, { pinned_tag: "v1.0.0" })
    await world.settled(world.at("v1.0.0", back))
    await assertRegistered(world, world.at("v1.1.0", digest), world.at("v1.0.0", back))
  }),

  scenario(
    "kill-after",
    "the leader dies after Nomad took the register: the other finds it and registers nothing",
    async (world) => {
      await world.begin("v1.0.0")
      const leader = await world.start("a")
      const other = await world.start("b")
      world.proxy.ambush(world.name, { kind: "after", strike: () => leader.kill() })
      const digest = await world.push("v1.1.0")
      await world.settled(world.at("v1.1.0", digest))
      await until("the outcome", () => world.sql("select state from attempt") === "succeeded")
      assert.equal(other.said("settled attempt")[0]?.["found"], "Accepted")
      await assertRegistered(world, world.at("v1.1.0", digest))
    }
  ),

  scenario(
    "kill-notified",
    "the leader dies between sending a message and recording it: the other sends it again, then what follows",
    notified
  ),

  scenario(
    "upgrade",
    "from the predecessor in mode plan, then act, back to it, and here again: nothing untold, nothing lost",
    upgrade
  ),

  scenario(
    "told",
    "what somebody does in Nomad is seen at once, though the interval is an hour, and after its stream was cut",
    told
  ),

  scenario(
    "rollback",
    "a rollback brings back the bits that ran, and holds until a higher version",
    rollback
  ),
  scenario("redeploy-failed", "what failed is tried again only for whoever names it", redeployFailed, {
    notOnAgent: "there the same image fails again"
  })
]
