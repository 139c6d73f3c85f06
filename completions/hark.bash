# Bash completion for hark. It asks the program itself, so that it cannot fall behind.

_hark() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command=list commands words before i
    commands=$(hark --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\).*/\1/p')
    if [[ " ${commands//$'\n'/ } " == *" ${COMP_WORDS[1]} "* ]]; then
        command=${COMP_WORDS[1]}
    fi
    # Behind "--" stands the command that wait is to run.
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ $command == wait && ${COMP_WORDS[i]} == -- ]] || continue
        if declare -F _command_offset >/dev/null; then
            _command_offset $((i + 1))
        else
            compopt -o default
            ((i + 1 == COMP_CWORD)) && mapfile -t COMPREPLY < <(compgen -c -- "$cur")
        fi
        return
    done
    case $prev in
    -A | --protocol)
        [[ $command == netstat ]] && words="inet inet6 unix"
        ;;&
    -o | --columns)
        # Of "port,ip" the columns before the comma stay.
        before=${cur%"${cur##*[,+]}"}
        words=$(hark list -o help 2>/dev/null | sed "s/^\([a-z0-9_-]*\).*/${before//\//}\1/")
        compopt -o nospace
        ;;
    --color) words="auto always never" ;;
    --holders) words="auto proc none" ;;
    --device) words=$(ls /sys/class/net) ;;
    --user) words=$(compgen -u) ;;
    --pcap) compopt -o default ;;
    --to) words="tcp udp tcp4 tcp6 tcp46 udp4 udp6 udp46" ;;
    --send | --timeout | --stable) ;;
    help) words=$commands ;;
    *)
        if [[ $cur == -* ]]; then
            words=$(hark "$command" --help 2>/dev/null |
                sed -n 's/^  \( \{4\}\|\(-.\), \)\(--[a-z0-9-]*\).*/\2 \3/p')
        elif [[ $command == reach && $COMP_CWORD == 2 ]]; then
            words=$(ls /sys/class/net)
        elif [[ $COMP_CWORD == 1 || ($command != netstat && $command != lsof) ]]; then
            words="tcp udp tcp4 tcp6 tcp46 udp4 udp6 udp46 listen established"
            words+=" pid= user= unit= container= pod= netns= dev="
            [[ $COMP_CWORD == 1 ]] && words+=" $commands"
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

complete -F _hark hark
