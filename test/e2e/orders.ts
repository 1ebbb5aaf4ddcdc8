import assert from "node:assert/strict"
import type { Controller } from "./Controller.ts"
import { until } from "./until.ts"
import { badTags, type World } from "./World.ts"

/** A call of `/v1` on the world's repository, whatever its generation; answers the message. */
const order = async (
  world: World,
  { url }: Controller,
  path: string,
  body: Record<string, unknown> = {}
): Promise<string> => {
  const answer = await fetch(`${url}/v1/repositories/${world.name}/${path}`, {
    method: "POST",
    headers: { "if-match": "*" },
    body: JSON.stringify(body)
  })
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  return (JSON.parse(text) as { message: string }).message
}

const repository = async (world: World, { url }: Controller) =>
  (await (await fetch(`${url}/v1/repositories/${world.name}`)).json()) as {
    readonly why: string
    readonly desired: { readonly hold: { readonly why: string } | null }
  }

/** Back to the bits that ran before, though their tag has others by now; held until a version above the one that was left. */
export const rollback = async (world: World): Promise<void> => {
  await world.begin("v1.0.0")
  const controller = await world.start()
  const good = await world.push("v1.1.0")
  await world.settled(world.at("v1.1.0", good))
  const bad = await world.push("v1.2.0")
  await world.settled(world.at("v1.2.0", bad))
  await until(
    "both outcomes",
    () => world.sql("select count(*) from attempt where state = 'succeeded'") === "2"
  )
  await world.push("v1.1.0")
  assert.match(await order(world, controller, "rollback", { why: "it leaks" }), /v1\.1\.0/)
  await world.settled(world.at("v1.1.0", good))
  await until("the hold to be why", async () => /it leaks/.test((await repository(world, controller)).why))
  await world.push("v1.1.5")
  await world.viewed(controller, "v1.1.5")
  const next = await world.push("v1.2.1")
  await world.settled(world.at("v1.2.1", next))
  await until("the hold to end", async () => (await repository(world, controller)).desired.hold === null)
  assert.deepEqual(world.registered, [
    world.at("v1.1.0", good),
    world.at("v1.2.0", bad),
    world.at("v1.1.0", good),
    world.at("v1.2.1", next)
  ])
}

/** What failed is tried again for whoever names it, and for nobody else. */
export const redeployFailed = async (world: World): Promise<void> => {
  await world.begin("v1.0.0")
  const controller = await world.start()
  badTags.add("v1.1.77")
  const failed = await world.push("v1.1.77")
  await until("the revert", () => world.sql("select state from attempt") === "reverted", 30)
  badTags.delete("v1.1.77")
  await until("it to be waited on", async () =>
    /quarantine|failed/.test((await repository(world, controller)).why)
  )
  assert.deepEqual(world.registered, [world.at("v1.1.77", failed)])
  await order(world, controller, "redeploy", { tag: "v1.1.77" })
  await world.settled(world.at("v1.1.77", failed))
  await until(
    "its success",
    () => world.sql("select state from attempt order by seq desc limit 1") === "succeeded"
  )
  assert.deepEqual(world.registered, [world.at("v1.1.77", failed), world.at("v1.1.77", failed)])
  assert.equal(world.sql("select count(*) from quarantine"), "0")
}
