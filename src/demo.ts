import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Layer, References, Runtime } from "effect"
import { demoOptions, help, type DemoOptions } from "./demo/demoOptions.ts"
import { invitation } from "./demo/invitation.ts"
import { readScene } from "./demo/Scene.ts"
import { makeScreen } from "./demo/Screen.ts"
import { repositories, setStage } from "./demo/Stage.ts"
import { story } from "./demo/story.ts"
import { logsAside } from "./logs.ts"

/** Every step happened: to be told to end is how it ends then. */
let isOver = false

const demo = Effect.fnUntraced(function* ({ isFast, isJson, stays }: DemoOptions) {
  const screen = yield* makeScreen(isJson)
  yield* Effect.gen(function* () {
    const stage = yield* setStage((words) => screen.doing(words))
    yield* Effect.addFinalizer(() => screen.doing("ending the instances, Postgres and the simulators"))
    yield* screen.note("started", {
      registry: stage.registry.origin.origin,
      nomad: stage.nomad.url,
      database: stage.database,
      folder: stage.folder,
      instances: stage.instances.map(({ name, pid, url }) => ({ name, pid, url }))
    })
    yield* screen.print([
      "Two instances of the controller, of which one acts, watch two repositories",
      "of a registry, and keep two jobs of a Nomad cluster on what is wanted.",
      ""
    ])
    yield* screen.follow(readScene(stage))
    yield* story(stage, { screen, pause: isFast ? Effect.void : Effect.sleep("2500 millis") })
    isOver = true
    yield* screen.note("end", {})
    if (!stays) return
    yield* screen.print(["In another terminal:", "", ...invitation(stage), ""])
    yield* screen.doing("It goes on until Ctrl-C", repositories)
    yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.ensuring(screen.doing("")),
    Effect.onExit((exit) =>
      Exit.isFailure(exit) && Cause.hasDies(exit.cause)
        ? Effect.void
        : screen.print(["Everything is ended, and nothing is left behind."])
    )
  )
})

const main = Effect.flatMap(demoOptions(process.argv.slice(2)), (options) =>
  options === "help" ? Effect.sync(() => void process.stdout.write(help)) : Effect.scoped(demo(options))
).pipe(
  Effect.catchTags({
    DemoError: ({ message }) => failed(message, 1),
    // EX_USAGE of sysexits.h
    UsageError: ({ message }) => failed(message, 64)
  })
)

const failed = (message: string, exitCode: number) =>
  Effect.sync(() => {
    process.stderr.write(`demo: ${message}\n`)
    process.exitCode = exitCode
  })

// Nobody watches any more: everything is ended all the same.
const end = () => process.kill(process.pid, "SIGTERM")
process.stdout.once("error", end)
process.once("SIGHUP", end)

NodeRuntime.runMain(
  main.pipe(
    Effect.provide(
      logsAside(process.stderr.isTTY).pipe(Layer.merge(Layer.succeed(References.MinimumLogLevel, "Warn")))
    )
  ),
  {
    teardown: (exit, onExit) =>
      isOver && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        ? onExit(0)
        : Runtime.defaultTeardown(exit, onExit)
  }
)
