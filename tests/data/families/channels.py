"""Templates of families that think in channels and sections of their own."""

from __future__ import annotations

from tests.data.families.family import Family

# channels; thoughts before a call only; the first call only; another token at the very end
GPT_OSS = r"""
{{- '<|start|>system<|message|>You are this and that.\nReasoning: ' }}
{{- (reasoning_effort or 'medium') + '\n\n# Valid channels: analysis, commentary, final.<|end|>' }}
{%- if messages[0].role == 'system' or tools %}
    {{- '<|start|>developer<|message|>' }}
    {%- if messages[0].role == 'system' %}{{ '# Instructions\n\n' + messages[0].content }}
        {%- endif %}
    {%- for tool in tools or [] %}{{ '\ntype ' + tool.function.name + ' = ' + tool | tojson }}
        {%- endfor %}
    {{- '<|end|>' }}
{%- endif %}
{%- set ns = namespace(called='') %}
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {%- if m.tool_calls %}
            {%- set call = m.tool_calls[0].function %}
            {%- if m.content and m.thinking %}
                {{- raise_exception('Either content or thinking beside calls') }}
            {%- elif m.content or m.thinking %}
                {{- '<|start|>assistant<|channel|>analysis<|message|>' }}
                {{- (m.content or m.thinking) + '<|end|>' }}
            {%- endif %}
            {{- '<|start|>assistant to=functions.' + call.name + '<|channel|>commentary json' }}
            {{- '<|message|>' + call.arguments | tojson + '<|call|>' }}
            {%- set ns.called = call.name %}
        {%- elif loop.last and not add_generation_prompt %}
            {%- if m.thinking %}
                {{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}
            {%- endif %}
            {{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|return|>' }}
        {%- else %}
            {{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' }}
        {%- endif %}
    {%- elif m.role == 'tool' %}
        {%- if not ns.called %}{{ raise_exception('A tool result without a call') }}{% endif %}
        {{- '<|start|>functions.' + ns.called + ' to=assistant<|channel|>commentary<|message|>' }}
        {{- m.content | tojson + '<|end|>' }}
    {%- elif m.role == 'user' %}
        {{- '<|start|>user<|message|>' + m.content + '<|end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}
"""

# a thought channel that an answer of the history loses; calls with quotes of their own
GEMMA4 = r"""
{%- macro value_of(value) %}
    {%- if value is string %}{{ '<|"|>' + value + '<|"|>' }}
    {%- elif value is mapping %}
        {{- '{' }}
        {%- for k, v in value | dictsort %}{{ k ~ ':' }}{{ value_of(v) }}
            {{- '' if loop.last else ',' }}{% endfor %}
        {{- '}' }}
    {%- elif value is sequence %}
        {{- '[' }}
        {%- for v in value %}{{ value_of(v) }}{{ '' if loop.last else ',' }}{% endfor %}
        {{- ']' }}
    {%- else %}{{ value | tojson }}{% endif %}
{%- endmacro %}
{{- bos_token }}
{%- set ns = namespace(talk=messages, system='') %}
{%- if messages[0].role == 'system' %}
    {%- set ns.system = messages[0].content | trim %}
    {%- set ns.talk = messages[1:] %}
{%- endif %}
{%- if ns.system or tools or enable_thinking %}
    {{- '<|turn>system\n' + ('<|think|>\n' if enable_thinking else '') + ns.system }}
    {%- for tool in tools or [] %}{{ '<|tool>declaration:' + tool | tojson + '<tool|>' }}
        {%- endfor %}
    {{- '<turn|>\n' }}
{%- endif %}
{%- for m in ns.talk %}
    {%- set follows = not loop.first and ns.talk[loop.index0 - 1].role == 'tool' %}
    {%- if m.role == 'tool' %}
        {{- '<|tool_response>response:' + m.content + '<tool_response|>' }}
    {%- else %}
        {%- if not (follows and m.role == 'assistant') %}
            {{- '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}
        {%- endif %}
        {%- if m.role == 'assistant' %}
            {%- if m.reasoning and loop.last and m.tool_calls %}
                {{- '<|channel>thought\n' + m.reasoning + '\n<channel|>' }}
            {%- endif %}
            {%- for call in m.tool_calls or [] %}
                {{- '<|tool_call>call:' + call.function.name + value_of(call.function.arguments) }}
                {{- '<tool_call|>' }}
            {%- endfor %}
            {%- for piece in m.content.split('<channel|>') %}
                {{- piece.split('<|channel>')[0] | trim }}
            {%- endfor %}
        {%- else %}
            {{- m.content | trim }}
        {%- endif %}
        {%- if not m.tool_calls %}{{ '<turn|>\n' }}{% endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt and ns.talk[-1].role != 'tool' %}
    {{- '<|turn>model\n' }}
    {%- if not enable_thinking %}{{ '<|channel>thought\n<channel|>' }}{% endif %}
{%- endif %}
"""

# thoughts in brackets, behind a system text that explains them
MAGISTRAL = r"""
{%- set default = 'First draft your thinking, then answer: [THINK]this[/THINK]that.' %}
{{- bos_token }}
{%- set talk = messages[1:] if messages[0].role == 'system' else messages %}
{{- '[SYSTEM_PROMPT]' + (messages[0].content if messages[0].role == 'system' else default) }}
{{- '[/SYSTEM_PROMPT]' }}
{%- for m in talk %}
    {%- if m.role == 'user' %}{{ '[INST]' + m.content + '[/INST]' }}
    {%- elif m.role == 'assistant' %}
        {%- if m.reasoning_content %}{{ '[THINK]' + m.reasoning_content + '[/THINK]' }}{% endif %}
        {{- m.content }}
        {%- for call in m.tool_calls or [] %}
            {{- '[TOOL_CALLS]' + call.function.name + '[ARGS]' + call.function.arguments | tojson }}
        {%- endfor %}
        {{- eos_token }}
    {%- elif m.role == 'tool' %}{{ '[TOOL_RESULTS]' + m.content + '[/TOOL_RESULTS]' }}
    {%- else %}{{ raise_exception('Only user, assistant and tool roles') }}{% endif %}
{%- endfor %}
"""

# the prompt opens the reasoning, or opens and closes it; an answer stands between two tokens
COMMAND_A = r"""
{{- bos_token }}
{%- set system = messages[0].content if messages[0].role == 'system' else 'Help with this.' %}
{{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + system }}
{%- for tool in tools or [] %}{{ '\n' + tool | tojson }}{% endfor %}
{{- '<|END_OF_TURN_TOKEN|>' }}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {{- '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + m.content + '<|END_OF_TURN_TOKEN|>' }}
    {%- elif m.role == 'assistant' %}
        {{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}
        {%- if m.thinking %}
            {{- '<|START_THINKING|>' + m.thinking + '<|END_THINKING|>' }}
        {%- endif %}
        {%- if m.tool_calls %}
            {{- '<|START_ACTION|>[' }}
            {%- for call in m.tool_calls %}
                {{- '\n    {"tool_call_id": "' ~ loop.index0 ~ '", "tool_name": "'
                        + call.function.name }}
                {{- '", "parameters": ' + call.function.arguments | tojson + '}' }}
                {{- '' if loop.last else ',' }}
            {%- endfor %}
            {{- '\n]<|END_ACTION|>' }}
        {%- else %}
            {{- '<|START_RESPONSE|>' + m.content + '<|END_RESPONSE|>' }}
        {%- endif %}
        {{- '<|END_OF_TURN_TOKEN|>' }}
    {%- elif m.role == 'tool' %}
        {{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|><|START_TOOL_RESULT|>' + m.content }}
        {{- '<|END_TOOL_RESULT|><|END_OF_TURN_TOKEN|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}
    {%- if reasoning is defined and not reasoning %}
        {{- '<|START_THINKING|><|END_THINKING|>' }}
    {%- else %}
        {{- '<|START_THINKING|>' }}
    {%- endif %}
{%- endif %}
"""

# thoughts between a prefix and a suffix; results go on in the same turn
APERTUS = r"""
{{- bos_token }}
{{- '<|system_start|>' }}
{{- messages[0].content if messages[0].role == 'system' else 'You are Apia. This is who helps.' }}
{{- '<|system_end|><|developer_start|>Deliberation: ' }}
{{- 'enabled' if enable_thinking is defined and enable_thinking else 'disabled' }}
{%- for tool in tools or [] %}{{ '\n' + tool | tojson }}{% endfor %}
{{- '<|developer_end|>' }}
{%- set ns = namespace(open=false) %}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {%- if ns.open %}{{ '<|assistant_end|>' }}{% set ns.open = false %}{% endif %}
        {{- '<|user_start|>' + m.content + '<|user_end|>' }}
    {%- elif m.role == 'assistant' %}
        {%- if not ns.open %}{{ '<|assistant_start|>' }}{% set ns.open = true %}{% endif %}
        {%- if m.reasoning_content %}
            {{- '<|inner_prefix|>' + m.reasoning_content + '<|inner_suffix|>' }}
        {%- endif %}
        {{- m.content }}
        {%- for call in m.tool_calls or [] %}
            {{- ('<|tools_prefix|>[' if loop.first else ', ') + '{"' + call.function.name + '": ' }}
            {{- call.function.arguments | tojson + '}'
                    + (']<|tools_suffix|>' if loop.last else '') }}
        {%- else %}
            {{- '<|assistant_end|>' }}
            {%- set ns.open = false %}
        {%- endfor %}
    {%- elif m.role == 'tool' %}
        {{- '[' + m.content + ']' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt and not ns.open %}{{ '<|assistant_start|>' }}{% endif %}
"""

CHANNELS = (
    Family(
        "gpt-oss",
        GPT_OSS,
        (
            *("<|startoftext|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>"),
            *("<|return|>", "<|call|>", "<|constrain|>"),
        ),
        eos="<|return|>",
        bos="<|startoftext|>",
        stops=("<|call|>",),
        reasoning="thinking",
    ),
    Family(
        "gemma4",
        GEMMA4,
        (
            *("<bos>", "<eos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", '<|"|>'),
            *("<|think|>", "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>"),
            *("<|tool_response>", "<tool_response|>"),
        ),
        eos="<eos>",
        bos="<bos>",
        stops=("<turn|>", "<|tool_response>"),
        reasoning="reasoning",
    ),
    Family(
        "magistral",
        MAGISTRAL,
        (
            *("<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
            *("[THINK]", "[/THINK]", "[TOOL_CALLS]", "[ARGS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
        ),
    ),
    Family(
        "command-a",
        COMMAND_A,
        (
            *("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
            *("<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|START_RESPONSE|>"),
            *("<|END_RESPONSE|>", "<|START_THINKING|>", "<|END_THINKING|>", "<|START_ACTION|>"),
            *("<|END_ACTION|>", "<|START_TOOL_RESULT|>", "<|END_TOOL_RESULT|>"),
        ),
        eos="<|END_OF_TURN_TOKEN|>",
        bos="<BOS_TOKEN>",
        reasoning="thinking",
    ),
    Family(
        "apertus",
        APERTUS,
        (
            *("<s>", "</s>", "<|system_start|>", "<|system_end|>", "<|developer_start|>"),
            *("<|developer_end|>", "<|user_start|>", "<|user_end|>", "<|assistant_start|>"),
            *("<|assistant_end|>", "<|inner_prefix|>", "<|inner_suffix|>"),
            *("<|tools_prefix|>", "<|tools_suffix|>"),
        ),
        stops=("<|assistant_end|>",),
    ),
)
