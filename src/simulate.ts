import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Context, Effect, Layer } from "effect"
import { NomadSimulator } from "./sim/NomadSimulator.ts"
import { RegistrySimulator } from "./sim/RegistrySimulator.ts"
import { simulateOptions, UsageError } from "./sim/simulateOptions.ts"

const help = `npm run simulate -- [--nomad HOST:PORT] [--registry HOST:PORT] [--job FILE.json]... [--namespace NAME]...
                        [--nomad-version V] [--nomad-token ID]

A Nomad cluster and a registry in memory, over real HTTP, to rehearse on. At least one of --nomad and
--registry; port 0 takes a free one. Nothing outlives the process.

Nomad (http://HOST:PORT/v1/...)
  --job FILE.json    registers this job at the start: a job, or {"Job": ...} as for POST /v1/jobs
  --namespace NAME   is there besides "default"
  --nomad-version V  behaves as a server of that version did, such as 1.9.6
  --nomad-token ID   turns ACLs on; this UUID is a management token, policies and tokens as in Nomad under /v1/acl
  curl -X POST http://HOST:PORT/v1/jobs -d @FILE.json does the same later.
  What becomes of a task is told by words in its image's tag:
    bad      runs, but its health check never passes: the deployment fails at its healthy_deadline
    crash    starts and exits with 1, again at each restart; its stderr ends with "panic: no database"
    outofmemory   is killed for the memory it takes
    nopull   is not in the registry
    noregistry    cannot be pulled, because the registry answers 500
    noroom   cannot be placed on any node
    slow     takes 30 seconds to start
    others   run and stay healthy; tasks of batch jobs end well
  Without an image the command tells: /bin/false exits with 1, /bin/true with 0, others run.
  GET  /_sim/requests, /_sim/registers   what was asked and what was registered so far
  POST /_sim/jobs                        registers a job, in no log
  POST /_sim/faults                      makes the next matching requests go wrong, such as
       {"_tag":"Answer","status":500,"body":"No cluster leader","path":"/v1/jobs","times":2}
       {"_tag":"Drop","when":"after","method":"POST","times":1}     the answer is lost, the register is not
       {"_tag":"NoLeader","hold":5000}   {"_tag":"TooManyConnections","retryAfter":2}
       {"_tag":"Delay","millis":3000}    {"_tag":"RpcPrefix"}
       {"_tag":"SlowLog","millis":3000}  between the checks of a register and its entry: a race, before 2.0.1
  DELETE /_sim/faults                    ends all of them
  POST /_sim/outcomes                    what becomes of matching tasks from now on (namespace, job, version,
                                         group, task, image contains, times), such as
       {"job":"api","task":"web","outcome":{"_tag":"Exits","code":1,"stderr":"panic: no database\\n"}}
       {"image":"team/api:v2","outcome":{"_tag":"PullFails","reason":"timeout"},"times":1}
       also Healthy, StartFails, OutOfMemory, NeverHealthy, Unplaceable
  DELETE /_sim/outcomes                  forgets all of them
  POST /_sim/evaluations                 {"paused":true}: what is registered waits unscheduled, until false
  POST /_sim/images                      {"repository":"HOST/team/api","tag":"v1","digest":"sha256:..."}: that registry has
                                         what was pushed and no more; the node keeps what it pulled
  GET  /_sim/identity?allocation=ID&task=NAME   the token of a task
  POST /_sim/snapshot, /_sim/restore     everything as it was then, or as at first; indexes go back, streams end

Registry (http://HOST:PORT/v2/...)
  Push with docker, podman or skopeo (--dest-tls-verify=false); it asks for no login. Or without an image:
  POST /_sim/push                        {"image":"team/api","tag":"v1"}; with "content" the tag gets another digest:
       {"image":"team/api","tag":"v1","content":"another"}
  GET  /_sim/requests                    what was asked so far
  DELETE /_sim/requests                  forgets it
  POST /_sim/faults                      makes matching reads go wrong from now on, such as
       {"drop":true}   {"status":503}    it is down: all that is asked
       {"image":"team/api","on":"tags","page":"last","status":500,"times":2}
       {"on":"manifests","method":"HEAD","delay":20000}   {"on":"tags","truncate":true}
  DELETE /_sim/faults                    ends all of them
`

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const main = Effect.gen(function* () {
  const options = yield* simulateOptions(process.argv.slice(2))
  if (options === "help") return yield* say(help)
  if (options.registry !== undefined) {
    const built = yield* Layer.build(RegistrySimulator.layer(options.registry))
    yield* say(`registry: ${Context.get(built, RegistrySimulator).origin.origin}`)
  }
  if (options.nomad !== undefined) {
    const { version, token, namespaces } = options
    const layer = NomadSimulator.layer({
      ...options.nomad,
      namespaces,
      ...(version === undefined ? {} : { version }),
      ...(token === undefined ? {} : { acl: { managementToken: token } })
    })
    const built = yield* Effect.catch(Layer.build(layer), ({ message }) => new UsageError({ message }))
    const nomad = Context.get(built, NomadSimulator)
    for (const { file, job } of options.jobs) {
      yield* nomad
        .register(job)
        .pipe(Effect.catchTag("Refusal", ({ words }) => new UsageError({ message: `${file}: ${words}` })))
    }
    yield* say(`nomad: ${nomad.url}`)
  }
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.catchTag("UsageError", ({ message }) =>
    Effect.sync(() => {
      process.stderr.write(`simulate: ${message}\n`)
      // EX_USAGE of sysexits.h
      process.exitCode = 64
    })
  )
)

NodeRuntime.runMain(main)
