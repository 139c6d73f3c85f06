# Fish completion for hark. It asks the program itself, so that it cannot fall behind.

function __hark_commands
    hark --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1\t\2/p'
end

function __hark_options
    set -l words (commandline -opc)
    set -l command list
    if set -q words[2]; and __hark_commands | string match -qr "^$words[2]\t"
        set command $words[2]
    end
    hark $command --help 2>/dev/null |
        sed -n 's/^ \{2,6\}\(-., \)\{0,1\}\(--[a-z0-9-]*\)[^ ]*\( [A-Z]*\)\{0,1\}  *\(.*\)/\2\t\4/p'
end

# Of "port,ip" the columns before the comma stay.
function __hark_columns
    set -l before (commandline -ct | string replace -r '[^,+]*$' '')
    hark list -o help 2>/dev/null | sed -n '/^$/q; s/^\([a-z0-9_-]*\)  *\(.*\)/\1\t\2/p' |
        string replace -r '^' "$before"
end

function __hark_is_for
    contains -- (commandline -opc)[2] $argv
end

function __hark_follows
    contains -- (commandline -opc)[-1] $argv
end

# Behind "--" stands the command that wait is to run.
function __hark_runs
    __hark_is_for wait; and contains -- -- (commandline -opc)
end

function __hark_run
    set -l words (commandline -opc)
    set -l i (contains -i -- -- $words)
    complete -C "$words[$(math $i + 1)..-1] $(commandline -ct)"
end

complete -c hark -f
complete -c hark -n __hark_runs -a '(__hark_run)'
complete -c hark -n '__hark_follows --device reach' -a '(ls /sys/class/net)'
complete -c hark -n '__hark_follows --to' -a 'tcp udp tcp4 tcp6 tcp46 udp4 udp6 udp46'
complete -c hark -n '__hark_follows --user' -a '(__fish_complete_users)'
complete -c hark -n '__hark_follows --pcap' -F
complete -c hark -n '__hark_follows -o --columns' -a '(__hark_columns)'
complete -c hark -n '__hark_follows --color' -a 'auto always never'
complete -c hark -n '__hark_follows --holders' -a 'auto proc none'
complete -c hark -n '__hark_follows help; or test (count (commandline -opc)) = 1' -a '(__hark_commands)'
complete -c hark -n 'not __hark_runs; and string match -q -- "-*" (commandline -ct)' -a '(__hark_options)'
complete -c hark -n '__hark_is_for netstat; and __hark_follows -A --protocol' -a 'inet inet6 unix'
complete -c hark -n 'not __hark_is_for netstat lsof; and not __hark_runs
    and not __hark_follows -o --columns --color --holders --device --user --pcap --send --timeout --stable help' \
    -a 'tcp udp tcp4 tcp6 tcp46 udp4 udp6 udp46 listen established pid= user= unit= container= pod= netns= dev='
