import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import manifest from "../package.json" with { type: "json" }
import { run } from "./cli/run.ts"
import { Tokens } from "./store/Tokens.ts"

const main = run({
  version: manifest.version,
  environment: process.env,
  serve: () => Effect.die(new Error("not wired yet")),
  tokens: () => Layer.effect(Tokens, Effect.die(new Error("not wired yet"))),
  exitCode: () => 1
})

NodeRuntime.runMain(main(process.argv.slice(2)).pipe(Effect.provide(NodeServices.layer)))
