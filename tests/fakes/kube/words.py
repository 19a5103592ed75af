"""What a kubelet does with the words of a command."""

import re


def expanded(word, env):
    """$(NAME) by the container's variables; $$ is one $, and what is not known stays as it is."""
    out, at = [], 0
    while at < len(word):
        if word[at] != "$" or at + 1 == len(word):
            out.append(word[at])
            at += 1
        elif word[at + 1] == "$":
            out.append("$")
            at += 2
        elif word[at + 1] == "(" and ")" in word[at:]:
            end = word.index(")", at)
            name = word[at + 2 : end]
            out.append(env.get(name, word[at : end + 1]))
            at = end + 1
        else:
            out.append(word[at : at + 2])
            at += 2
    return "".join(out)


def with_folders(word, mounts, volumes):
    """The real folders of volumes instead of the paths that they are mounted on."""
    for mount in sorted(mounts, key=lambda one: -len(one["mountPath"])):
        folder = volumes[mount["name"]]
        if mount.get("subPath"):
            folder = f"{folder}/{mount['subPath']}"
        path = re.escape(mount["mountPath"].rstrip("/"))
        # As the beginning of a path: /a of /a/a, and not of /b/a or of /ab.
        word = re.sub(rf"(?<![\w.-]){path}(?![\w.-])", lambda _, f=folder: f, word)
    return word
