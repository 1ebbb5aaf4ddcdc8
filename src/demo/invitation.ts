import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { styleText } from "node:util"
import { follower, pinned, type Stage } from "./Stage.ts"

const isOnPath = (command: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, command)))

/** What to type in another terminal: lines that work as they stand. */
export const invitation = ({ registry, nomad, instances }: Stage): ReadonlyArray<string> => {
  const alive = instances.find(({ isAlive }) => isAlive())?.url.replace("http://", "")
  const { host } = registry.origin
  const cluster = nomad.url.replace("http://", "")
  const push = (image: string, tag: string, more = "") =>
    `curl -d '{"image":"${image}","tag":"${tag}"${more}}' ${host}/_sim/push`
  const lines: ReadonlyArray<readonly [what: string, ...commands: ReadonlyArray<string>]> = [
    ["the status page, in a browser", `http://${alive}/`],
    ["push a version", push(follower, "v1.5.0")],
    [
      "push one that crashes",
      `curl -d '{"image":"${follower}:v1.6.0","outcome":{"_tag":"Exits","code":1}}' ${cluster}/_sim/outcomes`,
      push(follower, "v1.6.0")
    ],
    ["overwrite the tag that is pinned", push(pinned, "stable", ',"content":"third"')],
    ...(isOnPath("skopeo")
      ? ([
          [
            "push a real image",
            `skopeo copy --dest-tls-verify=false docker://busybox:1 docker://${host}/${follower}:v1.7.0`
          ]
        ] as const)
      : []),
    ["what is wanted, what runs, and why", `curl ${alive}/v1/repositories/${follower}`],
    ["what was tried", `curl ${alive}/v1/repositories/${follower}/attempts`],
    ["pin a version: it is deployed now", `curl -d '{"pinned_tag":"v1.1.0"}' ${alive}/tags/${follower}`],
    ["follow versions again", `curl -X POST ${alive}/tags/${follower}/reset`],
    ["what Nomad runs", `curl ${cluster}/v1/job/${follower}`]
  ]
  return lines.flatMap(([what, ...commands]) => [
    `  ${styleText("dim", `# ${what}`)}`,
    ...commands.map((command) => `  ${command}`)
  ])
}
