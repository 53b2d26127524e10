using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;
using static Mainstay.Tests.Routing.Upstream.Protocols.AwsScene;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

/// <summary>A chat request of openai as Bedrock's Converse is asked.</summary>
public sealed class BedrockMappingTests
{
    private static readonly Bedrock Rock = new();

    [Fact]
    public void A_chat_with_all_that_can_be_mapped()
    {
        var composed = Compose("""
            {"model":"fast","stream":true,"user":"u1","seed":null,"store":false,"n":1,"logprobs":false,"presence_penalty":0,"max_completion_tokens":100,"max_tokens":5,
             "temperature":0.5,"top_p":0.9,"stop":"END","parallel_tool_calls":true,"response_format":{"type":"text"},
             "messages":[
               {"role":"system","content":"Be brief."},
               {"role":"developer","content":[{"type":"text","text":"Really."}]},
               {"role":"user","name":"Ann","content":[{"type":"text","text":"What is \"this\"? 👋\n"},{"type":"image_url","image_url":{"url":"data:image/jpg;base64,AAEC","detail":"low"}}]},
               {"role":"assistant","content":null,"tool_calls":[
                 {"id":"t1","type":"function","function":{"name":"look","arguments":"{\"at\": 1}"}},
                 {"id":"t2","type":"function","function":{"name":"look","arguments":""}}]},
               {"role":"tool","tool_call_id":"t1","content":"a cat"},
               {"role":"tool","tool_call_id":"t2","content":[{"type":"text","text":"a dog"}]},
               {"role":"user","content":"So?"}],
             "tools":[{"type":"function","function":{"name":"look","description":"Looks.","strict":true,"parameters":{"type":"object","properties":{"at":{"type":"integer"}}}}},
                      {"type":"function","function":{"name":"stop","description":""}}],
             "tool_choice":{"type":"function","function":{"name":"look"}}}
            """, model: "anthropic.claude-v1:0");
        Assert.Equal(("POST", "/model/anthropic.claude-v1%3A0/converse-stream"), (composed.Method, composed.Target));
        Assert.Contains(("Content-Type", "application/json"), composed.Fields);
        AssertJson("""
            {"system":[{"text":"Be brief."},{"text":"Really."}],
             "messages":[
               {"role":"user","content":[{"text":"What is \"this\"? 👋\n"},{"image":{"format":"jpeg","source":{"bytes":"AAEC"}}}]},
               {"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"look","input":{"at":1}}},{"toolUse":{"toolUseId":"t2","name":"look","input":{}}}]},
               {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"a cat"}]}},{"toolResult":{"toolUseId":"t2","content":[{"text":"a dog"}]}},{"text":"So?"}]}],
             "inferenceConfig":{"maxTokens":100,"temperature":0.5,"topP":0.9,"stopSequences":["END"]},
             "toolConfig":{"tools":[
                 {"toolSpec":{"name":"look","description":"Looks.","inputSchema":{"json":{"type":"object","properties":{"at":{"type":"integer"}}}},"strict":true}},
                 {"toolSpec":{"name":"stop","inputSchema":{"json":{"type":"object","properties":{}}}}}],
               "toolChoice":{"tool":{"name":"look"}}}}
            """, composed.Body);
    }

    [Fact]
    public void The_smallest_chat()
    {
        var composed = Compose("""{"model":"m","messages":[{"role":"user","content":"Hi"}]}""");
        Assert.Equal("/model/m/converse", composed.Target);
        AssertJson("""{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}""", composed.Body);
    }

    [Theory]
    [InlineData("auto", """{"auto":{}}""")]
    [InlineData("required", """{"any":{}}""")]
    public void Words_for_the_choice_of_tools(string word, string expected) => AssertJson(
        $$$"""{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{} } } } }],"toolChoice":{{{expected}}} } }""",
        Compose($$$"""{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f"} }],"tool_choice":"{{{word}}}"}""").Body);

    [Fact]
    public void No_choice_of_tools_is_no_tools() => AssertJson(
        """{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}""",
        Compose("""{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"}""").Body);

    [Fact]
    public void Messages_of_one_role_become_one_and_empty_texts_go() => AssertJson(
        """{"messages":[{"role":"user","content":[{"text":"a"},{"text":"b"}]},{"role":"assistant","content":[{"text":"c"},{"text":"I will not."}]},{"role":"user","content":[{"text":"d"}]}]}""",
        Compose("""
            {"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"},
              {"role":"assistant","content":"","refusal":null},{"role":"assistant","content":null,"refusal":"I will not."},{"role":"user","content":"d"}]}
            """).Body);

    [Fact]
    public void A_cut_answer_is_the_beginning_of_the_next()
    {
        var request = Chat("""{"model":"m","messages":[{"role":"user","content":"Hi"}]}""");
        AssertJson(
            """{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Once \"upon\""}]}]}""",
            Rock.Compose(request, Server(ModelApi.Bedrock), null, "Once \"upon\"", out _)!.Body);
        // Its caller began it, and said so.
        request = Chat("""{"model":"m","continue_final_message":true,"add_generation_prompt":false,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Once"}]}""");
        AssertJson(
            """{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Once"}]}]}""",
            Rock.Compose(request, Server(ModelApi.Bedrock), null, null, out _)!.Body);
    }

    [Fact]
    public void Halves_of_a_surrogate_pair_stay_what_they_are()
    {
        var composed = Compose("""{"model":"m","messages":[{"role":"user","content":"a\ud83d"}]}""");
        Assert.Contains("""a\ud83d""", Encoding.UTF8.GetString(composed.Body.Span), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("n", "2", "n")]
    [InlineData("logprobs", "true", "logprobs")]
    [InlineData("top_k", "5", "top_k")]
    [InlineData("seed", "5", "seed")]
    [InlineData("presence_penalty", "0.5", "presence_penalty")]
    [InlineData("logit_bias", """{"1":5}""", "logit_bias")]
    [InlineData("response_format", """{"type":"json_object"}""", "response_format")]
    [InlineData("parallel_tool_calls", "false", "parallel_tool_calls")]
    [InlineData("temperature", "1.5", "temperature")]
    [InlineData("web_search_options", "{}", "web_search_options")]
    [InlineData("tools", """[{"type":"custom","custom":{"name":"x"}}]""", "tools[0]")]
    [InlineData("audio", """{"voice":"x"}""", "audio")]
    public void What_Converse_has_no_word_for_is_named(string field, string value, string param) =>
        AssertRefused($$"""{"model":"m","messages":[{"role":"user","content":"Hi"}],"{{field}}":{{value}}}""", param);

    [Theory]
    [InlineData("""{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.test/cat.png"}}]}""", "messages[1].content[0].image_url.url")]
    [InlineData("""{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}""", "messages[1].content[0]")]
    [InlineData("""{"role":"function","name":"f","content":"x"}""", "messages[1].role")]
    [InlineData("""{"role":"system","content":"x"}""", "messages[1]")]
    [InlineData("""{"role":"assistant","content":"x"}""", "messages[1]")]
    [InlineData("""{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"[1]"}}]}""", "messages[1].tool_calls.function.arguments")]
    [InlineData("""{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{}}]}""", "messages[1].tool_calls")]
    public void A_message_that_cannot_be_mapped_is_named(string message, string param) =>
        AssertRefused($$"""{"model":"m","messages":[{"role":"user","content":"Hi"},{{message}}]}""", param);

    [Theory]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":7}]}""")]
    [InlineData("""{"model":"m","messages":[{"content":"x"}]}""")]
    [InlineData("""{"model":"m","messages":[{"role":3,"content":"x"}]}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":[{"text":"x"}]}]}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":[7]}]}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":"warm"}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"stop":5}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"tools":{"a":1}}""")]
    public void Values_of_another_kind_are_the_callers_mistake(string chat)
    {
        if (new OpenAi().Read("POST", "/chat/completions", Encoding.UTF8.GetBytes(chat), out _) is not { } request)
            return; // Refused at the door already.
        Assert.Null(Rock.Compose(request, Server(ModelApi.Bedrock), null, null, out var fault));
        Assert.Equal((400, "invalid_type"), (fault!.Status, fault.Code));
    }

    [Fact]
    public void Only_chat_can_be_mapped()
    {
        Assert.Null(Rock.Compose(OpenAi("/embeddings", """{"model":"m","input":"x"}"""), Server(ModelApi.Bedrock), null, null, out var fault));
        Assert.Contains("/embeddings", fault!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_API_key_of_Bedrock_stands_in_for_a_signature() => Assert.Contains(
        ("Authorization", "Bearer k"),
        Rock.Compose(Chat("""{"model":"m","messages":[{"role":"user","content":"Hi"}]}"""), Server(ModelApi.Bedrock), "k", null, out _)!.Fields);

    private static ServerRequest Compose(string chat, string? model = null)
    {
        var composed = Rock.Compose(Chat(chat), Server(ModelApi.Bedrock, model: model), null, null, out var fault);
        Assert.True(fault is null, fault?.Message);
        return composed!;
    }

    private static void AssertRefused(string chat, string param)
    {
        Assert.Null(Rock.Compose(Chat(chat), Server(ModelApi.Bedrock), null, null, out var fault));
        Assert.Equal((400, param), (fault!.Status, fault.Param));
        Assert.Contains("bedrock", fault.Message, StringComparison.Ordinal);
    }
}
