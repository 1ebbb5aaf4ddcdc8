# What Registrywatcher may do in Nomad: the least that its work needs, per namespace with watched jobs.
#
# Bound to the workload identity of its own job, so that there is no token to keep (Nomad 1.7 or later):
#
#   nomad acl policy apply -namespace default -job registrywatcher registrywatcher deploy/policy.hcl
#
# For a token instead (-job left out when the policy is applied):
#
#   nomad acl token create -name registrywatcher -type client -policy registrywatcher
#
# `registrywatcher doctor` names each right that is missing, by job.

namespace "default" {
  capabilities = [
    "list-jobs",  # which jobs changed, in one call an interval
    "read-job",   # jobs, versions, deployments, allocations, and the stream that tells of their changes
    "submit-job", # the new image, check-and-set. From Nomad 1.11.2 on "register-job" alone is enough
    # With canaries that are promoted here, and to fail a rollout, besides "register-job": "promote-deployment" and
    # "fail-deployment". "submit-job" has them.
    "read-logs", # may be left out: a failed rollout is then told without the last line of its log
  ]
}

# A register is refused for a job with a host volume unless the volume may be mounted, too. One block a volume;
# of a job that mounts it read-only, "mount-readonly" is enough.
#
# host_volume "data" {
#   capabilities = ["mount-readwrite"]
# }
#
# Jobs with CSI volumes need "csi-mount-volume" among the capabilities of their namespace.
