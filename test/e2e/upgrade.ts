import assert from "node:assert/strict"
import { until } from "./until.ts"
import type { World } from "./World.ts"

/** What the predecessor had of each repository, and what its job runs. `registry`: the tags, in the order of their push. */
const repositories = {
  follows: { pin: "", autoDeploy: true, runs: "v1.0.0", registry: ["v1.0.0", "v1.1.0"] },
  pinned: { pin: "v1.0.0", autoDeploy: true, runs: "v1.0.0", registry: ["v1.0.0", "v2.0.0"] },
  off: { pin: "", autoDeploy: false, runs: "v1.0.0", registry: ["v1.0.0", "v1.1.0"] },
  stopped: { pin: "", autoDeploy: true, runs: "v1.0.0", registry: ["v1.0.0", "v1.1.0"] }
} as const
type Name = keyof typeof repositories
const names = Object.keys(repositories) as ReadonlyArray<Name>

/** As its documentation shows one, and the two lines that are ours: who may, and `mode`. */
const configuration =
  (host: string, mode: "plan" | "act") =>
  (port: number): string =>
    `
server_listening_address = ":${port}"
poll_interval = "1s"
watched_repositories = ${JSON.stringify(names.map((name) => `up-${name}`))}
webhook_url = "$YOUR_SLACK_WEBHOOK_URL"
create_database_schema = true
is_test = false
dockerhub_username = "nobody"
allow_unauthenticated = true
mode = "${mode}"

[registry_map.local]
registry_scheme = "http"
registry_domain = "${host}"
registry_prefix = "e2e"
registry_auth = ""
${names
  .map(
    (name) => `
[repo_map.up-${name}]
registry_name = "local"
nomad_job_name = "up-${name}"
nomad_task_name = "app"
`
  )
  .join("")}`

/** Our images of the jobs' registers that reached Nomad, of all of them. */
const registered = (world: World): ReadonlyArray<string> =>
  world.proxy.registers.flatMap(({ forwarded, images }) => (forwarded ? images : []))

const predecessor = (world: World, name: Name): string =>
  world.sql(
    `select pinned_tag || '|' || auto_deploy from deployed_repository_version where repository_name = 'up-${name}'`
  )

interface Line {
  readonly repository: string
  readonly runs: string
  readonly deploys: string | null
  readonly reason: string
}

/** Repositories whose registry answered the instance that leads. */
const checkedSince = (world: World): number =>
  Number(world.sql("select count(*) from checked where checked_at > (select since from leadership)"))

/** From the predecessor to us, back to it, and to us again: nothing moves that was not told before, and no change is lost. */
export const upgrade = async (world: World): Promise<void> => {
  await world.begin("v1.0.0")
  const { registry } = world.parts
  const image = (name: Name, tag: string) => `${registry.host}/e2e/up-${name}:${tag}`
  const digests = new Map<string, string>()
  for (const name of names) {
    const { runs, registry: tags } = repositories[name]
    for (const tag of tags) {
      digests.set(`${name} ${tag}`, await world.push(tag, `${name} ${tag}`, `up-${name}`))
    }
    await world.register(image(name, runs), [], `up-${name}`)
  }
  for (const name of names) await until(`the first deployment of ${name}`, () => world.isStable(`up-${name}`))
  await world.nomad("DELETE", "/v1/job/up-stopped")
  const byDigest = (name: Name, tag: string) => `${image(name, tag)}@${digests.get(`${name} ${tag}`) ?? ""}`

  world.sql(`create table deployed_repository_version (
    repository_name varchar primary key, pinned_tag varchar not null, auto_deploy boolean not null default true)`)
  for (const name of names) {
    const { pin, autoDeploy } = repositories[name]
    world.sql(`insert into deployed_repository_version values ('up-${name}', '${pin}', ${autoDeploy})`)
  }

  // Before anything runs, and beside the service in mode "plan": the same table.
  const planned = configuration(registry.host, "plan")
  const foreseen = [
    {
      repository: "up-follows",
      runs: "v1.0.0",
      deploys: `v1.1.0@${digests.get("follows v1.1.0")}`,
      reason: "new_version"
    },
    { repository: "up-pinned", runs: "v1.0.0", deploys: null, reason: "in_sync" },
    { repository: "up-off", runs: "v1.0.0", deploys: null, reason: "auto_deploy_off" },
    { repository: "up-stopped", runs: "-", deploys: null, reason: "job_stopped" }
  ]
  const told = async () =>
    (JSON.parse((await world.command(["plan", "--json"], planned)).out) as ReadonlyArray<Line>).map(
      ({ repository, runs, deploys, reason }) => ({ repository, runs, deploys, reason })
    )
  assert.deepEqual(await told(), foreseen)
  const planning = await world.start("plan", planned)
  await until("plan mode to decide", () => planning.said("decided").length >= names.length)
  assert.deepEqual(await told(), foreseen)
  const { out } = await world.command(["plan"], planned)
  assert.match(
    out,
    /^REPOSITORY +RUNS +WOULD DEPLOY +WHY\nup-follows +v1\.0\.0 +v1\.1\.0@sha256:[0-9a-f]{12} +a higher version$/m
  )
  assert.match(await planning.post("/tags/up-off", { pinned_tag: "v1.1.0" }), /stored only/)
  assert.equal(predecessor(world, "off"), "v1.1.0|false")
  assert.match(await planning.post("/tags/up-off", { pinned_tag: "" }), /stored only|nothing/)
  await planning.stop()
  assert.deepEqual(registered(world), [])

  const acting = configuration(registry.host, "act")
  const first = await world.start("act", acting)
  await until("the planned move", () => registered(world).length > 0)
  // A decision that stands is not logged again: that all were looked at is written every 10 seconds.
  await until("all to be looked at", () => checkedSince(world) === names.length)
  assert.deepEqual(registered(world), [byDigest("follows", "v1.1.0")])
  await first.post("/tags/up-follows", { pinned_tag: "v1.0.0" })
  await until("the pin to be deployed", () => registered(world).length > 1)
  assert.equal(predecessor(world, "follows"), "v1.0.0|true")
  await first.stop()

  // Back: the predecessor reads what was set here, and changes it.
  for (const name of names) assert.match(predecessor(world, name), /^[^|]*\|(?:true|false)$/)
  world.sql(`update deployed_repository_version set pinned_tag = '' where repository_name = 'up-pinned'`)
  const again = await world.start("again", acting)
  await until("what the predecessor set", () => registered(world).length > 2)
  assert.deepEqual(registered(world), [
    byDigest("follows", "v1.1.0"),
    byDigest("follows", "v1.0.0"),
    byDigest("pinned", "v2.0.0")
  ])
  await again.stop()
}
