"""Templates of families that think in tags, and call functions."""

from __future__ import annotations

from tests.data.families.family import IM, THINK, Family

_CALLS = r"""
    {%- for call in m.tool_calls or [] %}
        {%- set tool_call = call.function or call %}
        {{- '' if loop.first and not said else '\n' }}
        {{- '<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' }}
        {{- tool_call.arguments | tojson + '}\n</tool_call>' }}
    {%- endfor %}
"""
_TOOLS = r"""
{%- set system = messages[0].content if messages[0].role == 'system' else '' %}
{%- if tools %}
    {{- '<|im_start|>system\n' + (system + '\n\n' if system else '') + '<tools>' }}
    {%- for tool in tools %}{{ '\n' ~ tool | tojson }}{% endfor %}
    {{- '\n</tools><|im_end|>\n' }}
{%- elif system %}
    {{- '<|im_start|>system\n' + system + '<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(last=messages | length, seen=false) %}
{%- for m in messages[::-1] %}
    {%- if not ns.seen and m.role == 'user' %}
        {%- set ns.last = messages | length - 1 - loop.index0 %}
        {%- set ns.seen = true %}
    {%- endif %}
{%- endfor %}
"""
_THOUGHT = r"""
    {%- set said = m.content %}
    {%- set thought = m.reasoning_content if m.reasoning_content is string else '' %}
    {%- if not thought and '</think>' in said %}
        {%- set thought = said.split('</think>')[0].split('<think>')[-1].strip('\n') %}
        {%- set said = said.split('</think>')[-1].lstrip('\n') %}
    {%- endif %}
"""
_RESULT = r"""
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}
        {%- endif %}
    {{- '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
    {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\n' }}{% endif %}
"""

# reasoning is shown behind the last question only; the newest answer has an empty one at least
QWEN3 = (
    _TOOLS
    + r"""
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
"""
    + _THOUGHT
    + r"""
    {{- '<|im_start|>assistant\n' }}
    {%- if loop.index0 > ns.last and (loop.last or thought) %}
        {{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + said.lstrip('\n') }}
    {%- else %}
        {{- said }}
    {%- endif %}
"""
    + _CALLS
    + r"""
    {{- '<|im_end|>\n' }}
    {%- elif m.role == 'tool' %}
"""
    + _RESULT
    + r"""
    {%- elif m.role == 'user' or not loop.first %}
        {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
"""
)

# the prompt opens the reasoning, and there is no switch
_QWEN_SWITCH = r"""
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
"""
QWEN3_THINKING = QWEN3.replace(
    "{{- '<|im_start|>assistant\\n' }}" + _QWEN_SWITCH,
    "{{- '<|im_start|>assistant\\n<think>\\n' }}\n",
)

# … or closes it at once; wants a question; trims
QWEN35 = (
    QWEN3.replace(
        _QWEN_SWITCH,
        r"""
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- else %}
        {{- '<think>\n' }}
    {%- endif %}
""",
    )
    .replace("(loop.last or thought)", "true")
    .replace("set said = m.content ", "set said = m.content | trim ")
    .replace(
        "{%- for m in messages %}",
        "{%- if not ns.seen %}{{ raise_exception('No user query found in messages.') }}{% endif %}"
        "{%- for m in messages %}",
    )
)

# an answer in the history has no reasoning, the prompt opens one; calls between tokens
DEEPSEEK_R1 = r"""
{{- bos_token }}
{%- for m in messages if m.role == 'system' %}{{ m.content }}{% endfor %}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {{- '<|User|>' + m.content }}
    {%- elif m.role == 'assistant' and m.tool_calls %}
        {{- '<|Assistant|>' + m.content + '<|tool-calls|>' }}
        {%- for call in m.tool_calls %}
            {{- '<|tool-call|>function<|tool-sep|>' + call.function.name + '\n```json\n' }}
            {{- call.function.arguments | tojson + '\n```<|tool-end|>' }}
        {%- endfor %}
        {{- '<|tool-calls-end|>' + eos_token }}
    {%- elif m.role == 'assistant' %}
        {%- set said = m.content %}
        {%- if '</think>' in said %}{% set said = said.split('</think>')[-1] %}{% endif %}
        {{- '<|Assistant|>' + said + eos_token }}
    {%- elif m.role == 'tool' %}
        {{- '<|tool-output|>' + m.content + '<|tool-output-end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|Assistant|><think>\n' }}{% endif %}
"""

# a variable opens the reasoning or closes it at once; history is always closed
DEEPSEEK_V31 = r"""
{%- if not thinking is defined %}{% set thinking = false %}{% endif %}
{{- bos_token }}
{%- for m in messages if m.role == 'system' %}{{ m.content }}{% endfor %}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {{- '<|User|>' + m.content }}
    {%- elif m.role == 'assistant' %}
        {{- '<|Assistant|>' if messages[loop.index0 - 1].role == 'user' else '' }}
        {%- set said = m.content.split('</think>')[-1] if '</think>' in m.content else m.content %}
        {{- '</think>' + said }}
        {%- for call in m.tool_calls or [] %}
            {{- ('<|tool-calls|>' if loop.first else '') + '<|tool-call|>' + call.function.name }}
            {{- '<|tool-sep|>' + call.function.arguments | tojson + '<|tool-end|>' }}
            {{- '<|tool-calls-end|>' if loop.last else '' }}
        {%- endfor %}
        {{- eos_token }}
    {%- elif m.role == 'tool' %}
        {{- '<|tool-output|>' + m.content + '<|tool-output-end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt and messages[-1].role != 'tool' %}
    {{- '<|Assistant|>' + ('<think>' if thinking else '</think>') }}
{%- endif %}
"""

# the prompt opens the reasoning; a content with tags is shown as it stands
NEMOTRON3 = r"""
{%- set enable_thinking = enable_thinking if enable_thinking is defined else True %}
{%- set system = messages[0].content if messages[0].role == 'system' else '' %}
{{- '<|im_start|>system\n' + system }}
{%- for tool in tools or [] %}{{ '\n<function>' + tool | tojson + '</function>' }}{% endfor %}
{{- '<|im_end|>\n' }}
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {%- set said = m.content %}
        {%- if m.reasoning_content is string and m.reasoning_content.strip() %}
            {%- set said = '<think>\n' + m.reasoning_content + '\n</think>\n' + said %}
        {%- elif '<think>' not in said and '</think>' not in said %}
            {%- set said = '<think></think>' + said %}
        {%- endif %}
        {{- '<|im_start|>assistant\n' + said }}
        {%- for call in m.tool_calls or [] %}
            {{- '\n<tool_call>\n<function=' + call.function.name + '>\n' }}
            {%- for key, value in call.function.arguments | items %}
                {{- '<parameter=' + key + '>\n' }}
                {{- (value if value is string else value | tojson) + '\n</parameter>\n' }}
            {%- endfor %}
            {{- '</function>\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif m.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + m.content
                + '\n</tool_response>\n<|im_end|>\n' }}
    {%- elif m.role == 'user' %}
        {{- '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' + ('<think>\n' if enable_thinking else '<think></think>') }}
{%- endif %}
"""
NEMOTRON3_BARE = NEMOTRON3.replace(
    "{%- set said = '<think></think>' + said %}", "{%- set said = said %}"
)

# no end of turn: the next role's token is what stops; arguments one by one
GLM45 = r"""
{{- '[gMASK]<sop>' }}
{%- for tool in tools or [] %}
    {{- ('<|system|>\n# Tools' if loop.first else '') + '\n' + tool | tojson }}
{%- endfor %}
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}
    {%- endfor %}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {{- '<|user|>\n' + m.content }}
        {{- '/nothink' if enable_thinking is defined and not enable_thinking
                and not m.content.endswith('/nothink') else '' }}
    {%- elif m.role == 'assistant' %}
        {%- set thought = m.reasoning_content if m.reasoning_content is string else '' %}
        {%- set said = m.content %}
        {%- if not thought and '</think>' in said %}
            {%- set thought = said.split('</think>')[0].rstrip('\n').split('<think>')[-1] %}
            {%- set said = said.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {{- '<|assistant|>' }}
        {%- if loop.index0 > ns.last and thought %}
            {{- '\n<think>' + thought.strip() + '</think>' }}
        {%- else %}
            {{- '\n<think></think>' }}
        {%- endif %}
        {%- if said.strip() %}{{ '\n' + said.strip() }}{% endif %}
        {%- for call in m.tool_calls or [] %}
            {{- '\n<tool_call>' + call.function.name }}
            {%- for key, value in call.function.arguments | items %}
                {{- '\n<arg_key>' + key + '</arg_key>\n<arg_value>' }}
                {{- (value if value is string else value | tojson) + '</arg_value>' }}
            {%- endfor %}
            {{- '\n</tool_call>' }}
        {%- endfor %}
    {%- elif m.role == 'tool' %}
        {%- if messages[loop.index0 - 1].role != 'tool' %}{{ '<|observation|>' }}{% endif %}
        {{- '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
    {%- else %}
        {{- '<|system|>\n' + m.content }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
    {{- '\n<think></think>' if enable_thinking is defined and not enable_thinking else '' }}
{%- endif %}
"""

# flags in the system text decide; a long system text of its own
SMOLLM3 = r"""
{%- if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}
{%- set system = messages[0].content if messages[0].role == 'system' else '' %}
{%- set mode = '/think' if enable_thinking else '/no_think' %}
{%- if '/no_think' in system %}{% set mode = '/no_think' %}
{%- elif '/think' in system %}{% set mode = '/think' %}{% endif %}
{%- set custom = system.replace('/no_think', '').replace('/think', '').rstrip() %}
{{- '<|im_start|>system\n## Metadata\n\nReasoning Mode: ' + mode + '\n\n## Instructions\n\n' }}
{{- custom + '\n' if custom else 'You are a helper; this is how you think.\n' }}
{%- for tool in tools or [] %}{{ '\n' + tool | tojson }}{% endfor %}
{{- '<|im_end|>\n' }}
{%- for m in messages %}
    {%- if m.role == 'user' %}{{ '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}
    {%- elif m.role == 'assistant' %}
        {%- if mode == '/think' %}
            {{- '<|im_start|>assistant\n' + m.content.lstrip('\n') + '<|im_end|>\n' }}
        {%- else %}
            {{- '<|im_start|>assistant\n<think>\n\n</think>\n' + m.content.lstrip('\n') }}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- elif m.role == 'tool' %}{{ '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' + ('' if mode == '/think' else '<think>\n\n</think>\n') }}
{%- endif %}
"""

# a switch that changes the system text; thoughts in words of its own
GRANITE = r"""
{%- set ns = namespace(talk=messages, system='You are Gran, who helps with this.') %}
{%- if messages[0].role == 'system' %}
    {%- set ns.system = messages[0].content %}
    {%- set ns.talk = messages[1:] %}
{%- endif %}
{%- if thinking %}{% set ns.system = ns.system + ' Think first, then respond.' %}{% endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + ns.system + '<|end_of_text|>\n' }}
{%- if tools %}
    {{- '<|start_of_role|>tools<|end_of_role|>' + tools | tojson + '<|end_of_text|>\n' }}
{%- endif %}
{%- for m in ns.talk %}
    {{- '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content }}
    {%- for call in m.tool_calls or [] %}
        {{- '<|tool_call|>' if loop.first else '' }}
        {{- '{"name": "' + call.function.name + '", "arguments": '
                + call.function.arguments | tojson }}
        {{- '}' }}
    {%- endfor %}
    {{- '<|end_of_text|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}
"""

# own tags, a budget; history shows the reasoning of all answers
SEED_OSS = r"""
{%- for m in messages %}
    {{- '<seed:bos>' + m.role + '\n' }}
    {%- if m.role == 'assistant' and m.reasoning_content is string and m.reasoning_content | trim %}
        {{- '<seed:think>' + m.reasoning_content | trim + '</seed:think>\n' }}
    {%- endif %}
    {{- m.content | trim }}
    {%- for call in m.tool_calls or [] %}
        {{- '\n<seed:tool_call>\n<function=' + call.function.name + '>' }}
        {%- for key, value in call.function.arguments | items %}
            {{- '\n<parameter=' + key + '>' + (value if value is string else value | tojson) }}
            {{- '</parameter>' }}
        {%- endfor %}
        {{- '\n</function>\n</seed:tool_call>' }}
    {%- endfor %}
    {{- '<seed:eos>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<seed:bos>assistant\n' }}
    {%- if thinking_budget is defined and thinking_budget == 0 %}
        {{- '<seed:think><seed:cot_budget_reflect>No thoughts.' }}
        {{- '</seed:cot_budget_reflect></seed:think>' }}
    {%- endif %}
{%- endif %}
"""

_DEEPSEEK = (
    *("<s>", "</s>", "<|User|>", "<|Assistant|>", "<|tool-calls|>", "<|tool-calls-end|>"),
    *("<|tool-call|>", "<|tool-sep|>", "<|tool-end|>", "<|tool-output|>", "<|tool-output-end|>"),
)
_QWEN = (*THINK, "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_GLM = ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
THINKING = (
    Family("qwen3", QWEN3, IM, _QWEN, eos="<|im_end|>", bos=None, stops=("<|endoftext|>",)),
    Family("qwen3-base", QWEN3, IM, _QWEN, eos="<|endoftext|>", bos=None),
    Family("qwen3-thinking", QWEN3_THINKING, IM, _QWEN, eos="<|im_end|>", bos=None),
    Family("qwen3.5", QWEN35, IM, _QWEN, eos="<|im_end|>", bos=None),
    Family("deepseek-r1", DEEPSEEK_R1, _DEEPSEEK, THINK),
    Family("deepseek-v3.1", DEEPSEEK_V31, _DEEPSEEK, THINK),
    Family("nemotron-3", NEMOTRON3, IM, _QWEN, eos="<|im_end|>", bos="<s>"),
    Family("nemotron-3-bare", NEMOTRON3_BARE, IM, _QWEN, eos="<|im_end|>", bos="<s>"),
    Family(
        "glm-4.5",
        GLM45,
        (*_GLM, "<|endoftext|>"),
        (*_QWEN, "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
        eos="<|endoftext|>",
        bos=None,
        stops=("<|user|>", "<|observation|>"),
    ),
    Family("smollm3", SMOLLM3, IM, THINK, eos="<|im_end|>", bos=None),
    Family(
        "granite",
        GRANITE,
        ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|tool_call|>"),
        eos="<|end_of_text|>",
        bos=None,
    ),
    Family(
        "seed-oss",
        SEED_OSS,
        ("<seed:bos>", "<seed:eos>", "<seed:think>", "</seed:think>", "<seed:cot_budget_reflect>"),
        eos="<seed:eos>",
        bos="<seed:bos>",
    ),
)
