import { edit, mutant, type Mutant } from "./Mutant.ts"

const promotion = "src/decide/promotion.ts"
const steering = "src/store/steering.ts"
const promotionTest = "test/decide/promotion.test.ts"
const steeringTest = "test/store/steering.test.ts"
const canariesTest = "test/reconcile/canaries.test.ts"
const rolloutsTest = "test/store/rollouts.test.ts"
const locksTest = "test/store/locks.test.ts"

/** Who promotes and who fails a rollout, once, and which. */
export const canaryLines: ReadonlyArray<Mutant> = [
  mutant(
    "S6 promotion",
    "a promotion that may be under way still is sent again at once",
    "S6",
    [steeringTest, "S6: a promotion is sent once"],
    edit(
      steering,
      "(a.order_sent_at is null\n                or a.order_sent_at <",
      "(true\n                or a.order_sent_at <"
    )
  ),
  mutant(
    "S6 promoted",
    "what Nomad has promoted is promoted once more",
    "S6",
    [steeringTest, "S6: a promotion is sent once"],
    edit(steering, "(a.order_done_at is null and (", "(true and (")
  ),
  mutant(
    "S6 deployment",
    "the deployment that is there now is promoted for the one that was decided on",
    "S6",
    [steeringTest, "S6: never of another deployment"],
    edit(
      steering,
      "and a.state = 'accepted' and a.deployment_id = ${deployment}\n",
      "and a.state = 'accepted'\n"
    )
  ),
  mutant(
    "S6 order",
    "an order for the deployment before counts for this one",
    "S6",
    [promotionTest, "S6: nor by an order for another deployment"],
    edit("src/domain/Attempt.ts", "orderedDeployment === deploymentId ? ordered : null", "ordered")
  ),
  mutant(
    "S15 promotion",
    "a promotion is sent without the fence",
    "S15",
    [steeringTest, "S1: S15: nothing is saved or sent"],
    edit(
      "src/store/fence.ts",
      "where epoch = ${epoch} and holder = ${holder}::uuid for share",
      "where epoch >= ${epoch} or holder = ${holder}::uuid for share"
    )
  ),
  mutant(
    "S13 promotion",
    "canaries are promoted by themselves while auto_deploy is off",
    "S13",
    [promotionTest, "S13: nor while auto_deploy is off"],
    edit(promotion, "if (!desired.autoDeploy) return", "if (desired.generation < 0) return")
  ),
  mutant(
    "S13 sent",
    "a promotion is sent although a person changed what it was decided on",
    "S13",
    [steeringTest, "S13: not once a person changed"],
    edit(
      steering,
      "and r.generation = ${generation}\n          for share",
      "and r.generation >= 0 and ${generation} >= 0\n          for share"
    )
  ),
  mutant(
    "S12 canaries",
    "canaries of somebody else's version are promoted by themselves",
    "S12",
    [promotionTest, "S12: nor a version of somebody else"],
    edit(promotion, "canariesOf(attempt)?.isOwn === false", "canariesOf(attempt)?.isOwn === null")
  ),
  mutant(
    "S24 canaries",
    "canaries that were not read in this pass are promoted by what they were in one before",
    "S24",
    [canariesTest, "S24: that could not be read in this pass"],
    edit(
      "src/reconcile/pass.ts",
      "passing, true))\n    situation = yield* withCanaries(fence, situation)",
      "passing, true))"
    )
  ),
  mutant(
    "S11 failed",
    "what a person failed is tried again once its place was taken",
    "S11",
    [steeringTest, "S11: what a person failed stays in quarantine"],
    edit(steering, 'from ordered where ${order === "fail"}', 'from ordered where ${order === "promote"}')
  ),
  mutant(
    "S11 newer",
    "what is newer comes before what a person fails has failed",
    "S11",
    [canariesTest, "S11: T16: ends before what is newer comes"],
    edit("src/decide/decide.ts", "if (ours !== undefined && isBeingFailed(ours)) return false", "")
  ),
  mutant(
    "S11 refused",
    "canaries that a person failed are promoted by themselves, as Nomad refused to fail them",
    "S11",
    [promotionTest, "S11: nor what Nomad refused to fail"],
    edit(promotion, 'refusedOrder(attempt)?.order === "fail"', "refusedOrder(attempt)?.order === undefined")
  ),
  mutant(
    "S11 late",
    "what a person failed too late is deployed again by itself later",
    "S11",
    [rolloutsTest, "S11: a success lifts no quarantine of what a person failed"],
    edit("src/store/rollouts.ts", "and not ${isUnwanted}\n          ), told", "), told")
  ),
  mutant(
    "S11 shared",
    "who shares a deployment with what a person failed is blamed for it",
    "S11",
    [rolloutsTest, "S11: who shares a deployment with what a person failed"],
    edit(
      "src/store/rollouts.ts",
      "b.ordered = 'fail' and b.ordered_deployment",
      "b.ordered = 'promote' and b.ordered_deployment"
    )
  ),
  mutant(
    "X20 not taken",
    "what Nomad does not take stands in the audit once more at every try",
    "X20",
    [steeringTest, "X20: what Nomad does not take"],
    edit(steering, "(${notTaken(order)}, ${deployment}::text, ${words})", "('', '', '')")
  ),
  mutant(
    "S1 order",
    "an attempt is locked before its repository",
    "S1",
    [locksTest, "S1: a person who fails a rollout at the very moment"],
    edit(
      "src/store/fence.ts",
      " and r.name = a.repository for no key update of r",
      " and r.name = a.repository"
    )
  ),
  mutant(
    "S1 tells",
    "who orders a rollout locks the key of its repository as well",
    "S1",
    [locksTest, "S1: who has the repository keeps nobody from telling of it"],
    edit(steering, "where name = ${repository} for no key update", "where name = ${repository} for update")
  )
]
