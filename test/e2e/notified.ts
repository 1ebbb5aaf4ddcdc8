import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { until } from "./until.ts"
import type { World } from "./World.ts"

interface Received {
  readonly key: string | ReadonlyArray<string> | undefined
  readonly text: string
}

/** The leader dies when its first message has been taken, before it can know: nothing is lost, and order is kept. */
export const notified = async (world: World): Promise<void> => {
  const received: Array<Received> = []
  let strike: (() => Promise<void>) | undefined
  const receiver = createServer((request, response) => {
    void text(request).then(async (body) => {
      const { attachments } = JSON.parse(body) as {
        readonly attachments: readonly [{ readonly text: string }]
      }
      received.push({ key: request.headers["idempotency-key"], text: attachments[0].text })
      const kill = strike
      strike = undefined
      await kill?.()
      response.end("ok")
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", () => resolve()))
  try {
    const { port } = receiver.address() as AddressInfo
    await world.begin("v1.0.0")
    const configured = configuration(world, `http://127.0.0.1:${port}/services/canary-of-slack`)
    const leader = await world.start("a", configured)
    const other = await world.start("b", configured)
    strike = () => leader.kill()
    await world.push("v1.1.0")
    await until("three messages", () => received.length === 3, 60)
    assert.deepEqual(
      received.map((each) => each.text),
      [
        `Update: deploying job \`${world.name}\` to tag \`v1.1.0\``,
        `Update: deploying job \`${world.name}\` to tag \`v1.1.0\``,
        `Success: Nomad deployment for job \`${world.name}\` succeeded for tag \`v1.1.0\``
      ]
    )
    assert.equal(received[0]?.key, received[1]?.key)
    assert.notEqual(received[1]?.key, received[2]?.key)
    await until("both to be recorded", () => world.sql("select count(sent_at) from outbox") === "2")
    await until("both to be counted", async () => {
      const metrics = await (await fetch(`${other.url}/metrics`)).text()
      return (
        /^registrywatcher_notifications_total\{result="sent"\} 2$/m.test(metrics) &&
        /^registrywatcher_notifications_backlog 0$/m.test(metrics)
      )
    })
    for (const { output } of [leader, other]) assert.ok(!output.includes("canary-of-slack"))
  } finally {
    receiver.close()
    receiver.closeAllConnections()
  }
}

const configuration =
  ({ name, parts }: World, webhookUrl: string) =>
  (port: number): string =>
    `
server_listening_address = "127.0.0.1:${port}"
poll_interval = "1s"
watched_repositories = ["${name}"]
webhook_url = "${webhookUrl}"

[registry_map.local]
registry_scheme = "http"
registry_domain = "${parts.registry.host}"
registry_prefix = "e2e"

[repo_map.${name}]
registry_name = "local"
nomad_job_name = "${name}"
nomad_task_name = "app"
`
