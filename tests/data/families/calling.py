"""Templates of families that call functions."""

from __future__ import annotations

from tests.data.families.family import IM, Family

# calls as JSON in tags, results in a user turn together, a system text by default
QWEN25 = r"""
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {{- messages[0].content if messages[0].role == 'system' else 'You are Quill, a helper.' }}
    {{- '\n\n# Tools\n\nSignatures are within <tools></tools>:\n<tools>' }}
    {%- for tool in tools %}{{ '\n' ~ tool | tojson }}{% endfor %}
    {{- '\n</tools>\n\nAnswer with <tool_call>\n' }}
    {{- '{"name": <name>, "arguments": <json>}\n</tool_call>' }}
    {{- '<|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- else %}
    {{- '<|im_start|>system\nYou are Quill, a helper. Think of this while you write.<|im_end|>\n' }}
{%- endif %}
{%- for m in messages %}
    {%- if m.role == 'user' or (m.role == 'system' and not loop.first)
            or (m.role == 'assistant' and not m.tool_calls) %}
        {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
    {%- elif m.role == 'assistant' %}
        {{- '<|im_start|>assistant' }}
        {%- if m.content %}{{ '\n' + m.content }}{% endif %}
        {%- for tool_call in m.tool_calls %}
            {%- if tool_call.function is defined %}{% set tool_call = tool_call.function %}
                {%- endif %}
            {{- '\n<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif m.role == 'tool' %}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

# the same habit in fewer words, and arguments put together as text
HERMES = r"""
{%- if tools %}{{ '<|im_start|>system\nTools: ' + tools | tojson + '<|im_end|>\n' }}{% endif %}
{%- for m in messages %}
    {{- '<|im_start|>' + m.role }}
    {%- if m.content %}{{ '\n' + m.content }}{% endif %}
    {%- for call in m.tool_calls or [] %}
        {%- set tool_call = call.function %}
        {{- '\n<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' }}
        {{- tool_call.arguments + '}\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

# one call a message, no words beside it; results as JSON under the role ipython
LLAMA31 = r"""
{{- bos_token }}
{%- set ns = namespace(system='', talk=messages) %}
{%- if messages[0].role == 'system' %}
    {%- set ns.system = messages[0].content | trim %}
    {%- set ns.talk = messages[1:] %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}
{%- if tools %}{{ 'Environment: ipython\n' }}{% endif %}
{{- 'Knowledge until: this year\n\n' + ns.system + '<|eot_id|>' }}
{%- for m in ns.talk %}
    {%- if m.tool_calls %}
        {%- if m.tool_calls | length != 1 %}
            {{- raise_exception('This model only supports single tool-calls at once!') }}
        {%- endif %}
        {%- set call = m.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
        {{- '{"name": "' + call.name + '", "parameters": ' + call.arguments | tojson
                + '}<|eot_id|>' }}
    {%- elif m.role == 'tool' %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\n\n' + m.content | tojson + '<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' }}
        {%- if tools and loop.first and m.role == 'user' %}
            {{- 'Given these functions, answer with a call.\n\n' }}
            {%- for tool in tools %}{{ tool | tojson(indent=4) + '\n\n' }}{% endfor %}
        {%- endif %}
        {{- m.content | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
"""

# system and tools stand at the last user turn, and move with it; ids are wanted; ids of 9 signs
MISTRAL_V3 = r"""
{%- set system = messages[0].content if messages[0].role == 'system' else none %}
{%- set talk = messages[1:] if system is not none else messages %}
{%- set users = talk | selectattr('role', 'equalto', 'user') | list %}
{{- bos_token }}
{%- for m in talk %}
    {%- if m.role == 'user' %}
        {%- if tools and m == users[-1] %}
            {{- '[AVAILABLE_TOOLS] ' + tools | tojson + '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {%- if loop.last and system is not none %}
            {{- '[INST] ' + system + '\n\n' + m.content + '[/INST]' }}
        {%- else %}
            {{- '[INST] ' + m.content + '[/INST]' }}
        {%- endif %}
    {%- elif m.tool_calls %}
        {{- '[TOOL_CALLS] [' }}
        {%- for call in m.tool_calls %}
            {%- set out = call.function | tojson %}
            {{- out[:-1] }}
            {%- if call.id is not defined or call.id | length != 9 %}
                {{- raise_exception('A call has an id of 9 letters!') }}
            {%- endif %}
            {{- ', "id": "' + call.id + '"}' }}
            {{- ', ' if not loop.last else ']' + eos_token }}
        {%- endfor %}
    {%- elif m.role == 'assistant' %}
        {{- ' ' + m.content | trim + eos_token }}
    {%- elif m.role == 'tool' %}
        {{- '[TOOL_RESULTS] {"content": ' + m.content | string + '}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception('Only user and assistant roles, and a first system message!') }}
    {%- endif %}
{%- endfor %}
"""

# the tool list in the system turn between tokens; a call is written as in Python
LFM25 = r"""
{{- bos_token }}
{%- set ns = namespace(system='', talk=messages) %}
{%- if messages[0].role == 'system' %}
    {%- set ns.system = messages[0].content %}
    {%- set ns.talk = messages[1:] %}
{%- endif %}
{%- if tools %}
    {%- set ns.system = ns.system + ('\n' if ns.system else '')
            + 'List of tools: <|tool_list_start|>[' %}
    {%- for tool in tools %}
        {%- set ns.system = ns.system + (tool | tojson) + ('' if loop.last else ', ') %}
    {%- endfor %}
    {%- set ns.system = ns.system + ']<|tool_list_end|>' %}
{%- endif %}
{%- if ns.system %}{{ '<|im_start|>system\n' + ns.system + '<|im_end|>\n' }}{% endif %}
{%- for m in ns.talk %}
    {{- '<|im_start|>' + m.role + '\n' }}
    {%- if m.tool_calls %}
        {{- '<|tool_call_start|>[' }}
        {%- for call in m.tool_calls %}
            {{- call.function.name + '(' }}
            {%- for key, value in call.function.arguments | items %}
                {{- key + '=' + value | tojson + ('' if loop.last else ', ') }}
            {%- endfor %}
            {{- ')' + ('' if loop.last else ', ') }}
        {%- endfor %}
        {{- ']<|tool_call_end|>' }}
    {%- endif %}
    {%- if m.role == 'tool' %}
        {{- '<|tool_response_start|>' + m.content + '<|tool_response_end|>' }}
    {%- else %}
        {{- m.content }}
    {%- endif %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

# each section has its tokens, each call an id with its number
KIMI_K2 = r"""
{%- macro role_of(m) %}
    {%- if m.role == 'user' %}{{ '<|im_user|>user<|im_middle|>' }}
    {%- elif m.role == 'assistant' %}{{ '<|im_assistant|>assistant<|im_middle|>' }}
    {%- else %}{{ '<|im_system|>' + m.role + '<|im_middle|>' }}{% endif %}
{%- endmacro %}
{%- if tools %}{{ '<|im_system|>tool_declare<|im_middle|>' + tools | tojson + '<|im_end|>' }}
    {%- endif %}
{%- for m in messages %}
    {%- if loop.first and m.role != 'system' %}
        {{- '<|im_system|>system<|im_middle|>You are Kim, who helps with this.<|im_end|>' }}
    {%- endif %}
    {{- role_of(m) }}
    {%- if m.role == 'assistant' and m.tool_calls %}
        {{- m.content }}
        {{- '<|tool_calls_section_begin|>' }}
        {%- for call in m.tool_calls %}
            {{- '<|tool_call_begin|>functions.' + call.function.name + ':' ~ loop.index0 }}
            {{- '<|tool_call_argument_begin|>' + call.function.arguments | tojson
                    + '<|tool_call_end|>' }}
        {%- endfor %}
        {{- '<|tool_calls_section_end|>' }}
    {%- elif m.role == 'tool' %}
        {{- '## Return of ' ~ (m.tool_call_id or 'it') ~ '\n' ~ m.content }}
    {%- else %}
        {{- m.content }}
    {%- endif %}
    {{- '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_assistant|>assistant<|im_middle|>' }}{% endif %}
"""

# what is said stands between tokens of its own, results in the system's turn
COMMAND_R = r"""
{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + messages[0].content + '<|END_OF_TURN_TOKEN|>' }}
{%- endif %}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {{- '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + m.content.strip() + '<|END_OF_TURN_TOKEN|>' }}
    {%- elif m.role == 'assistant' %}
        {{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' + m.content.strip()
                + '<|END_OF_TURN_TOKEN|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}
"""

_HEADERS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_TAGS = ("<tool_call>", "</tool_call>")
CALLING = (
    Family("qwen2.5", QWEN25, IM, _TAGS, eos="<|im_end|>", bos=None, stops=("<|endoftext|>",)),
    Family("hermes", HERMES, IM, _TAGS, eos="<|im_end|>", bos=None, text_arguments=True),
    Family(
        "llama3.1",
        LLAMA31,
        (*_HEADERS, "<|eom_id|>", "<|python_tag|>"),
        eos="<|eot_id|>",
        bos="<|begin_of_text|>",
        stops=("<|eom_id|>",),
    ),
    Family(
        "mistral-v3",
        MISTRAL_V3,
        (
            *("<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
            *("[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
        ),
    ),
    Family(
        "lfm2.5",
        LFM25,
        (
            *("<|startoftext|>", *IM, "<|tool_list_start|>", "<|tool_list_end|>"),
            *("<|tool_call_start|>", "<|tool_call_end|>"),
            *("<|tool_response_start|>", "<|tool_response_end|>"),
        ),
        eos="<|im_end|>",
        bos="<|startoftext|>",
    ),
    Family(
        "kimi-k2",
        KIMI_K2,
        ("[BOS]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>", "<|im_system|>"),
        (
            *("<|im_middle|>", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
            *("<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"),
        ),
        eos="[EOS]",
        bos="[BOS]",
        stops=("<|im_end|>",),
    ),
    Family(
        "command-r",
        COMMAND_R,
        (
            *("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
            *("<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>"),
        ),
        eos="<|END_OF_TURN_TOKEN|>",
        bos="<BOS_TOKEN>",
    ),
)
