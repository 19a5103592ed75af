"""A small Kubernetes cluster for tests: an apiserver over TLS, a scheduler, controllers, and a
kubelet for each node that really runs containers' commands, as processes of this host.

`python tests/fakes/kube --dir DIR` starts one (command.py); tests take FakeCluster (cluster.py).
What it promises is what clients see: objects, answers, their order and their texts are those of
Kubernetes 1.35. It has no images, networks or roots of containers' own."""
