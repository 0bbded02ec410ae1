package simulator

import "fmt"

// errorBody is RingCentral's error: the code repeated on top, and a list. Token errors name themselves as OAuth does.
type errorBody struct {
	Error       string        `json:"error,omitempty"`
	Description string        `json:"error_description,omitempty"`
	ErrorCode   string        `json:"errorCode,omitempty"`
	Message     string        `json:"message,omitempty"`
	Errors      []errorDetail `json:"errors"`
	parameter
}

type errorDetail struct {
	ErrorCode string `json:"errorCode"`
	Message   string `json:"message"`
	parameter
}

type parameter struct {
	ParameterName  string `json:"parameterName,omitempty"`
	ParameterValue string `json:"parameterValue,omitempty"`
	PermissionName string `json:"permissionName,omitempty"`
}

// fail is an error of the API gateway or of an operation. The gateway's own 404 has an empty list of errors.
func fail(status int, code, message string) *answer {
	body := errorBody{ErrorCode: code, Message: message, Errors: []errorDetail{}}
	if code != "AGW-404" {
		body.Errors = append(body.Errors, errorDetail{ErrorCode: code, Message: message})
	}
	return &answer{status: status, body: encode(body)}
}

// refuse is an error that names a parameter.
func refuse(status int, code, message string, p parameter) *answer {
	return &answer{status: status, body: encode(errorBody{
		ErrorCode: code, Message: message, parameter: p,
		Errors: []errorDetail{{ErrorCode: code, Message: message, parameter: p}},
	})}
}

func invalid(name, value string) *answer {
	message := fmt.Sprintf("Parameter [%s] value is invalid.", name)
	return refuse(400, "CMN-101", message, parameter{ParameterName: name, ParameterValue: value})
}

func notFound(name string) *answer {
	message := fmt.Sprintf("Resource for parameter [%s] is not found", name)
	return refuse(404, "CMN-102", message, parameter{ParameterName: name})
}

// forbidden is what an application without a permission is answered.
func forbidden(permission string) *answer {
	message := "In order to call this API endpoint, application needs to have [" + permission + "] permission"
	p := parameter{PermissionName: permission}
	return &answer{status: 403, body: encode(errorBody{
		ErrorCode: "InsufficientPermissions", Message: message, parameter: p,
		Errors: []errorDetail{{ErrorCode: "CMN-401", Message: message, parameter: p}},
	})}
}

// tokenInvalid is what the API answers to an access token that it does not accept.
func tokenInvalid(top, code, message string) *answer {
	return &answer{status: 401, body: encode(errorBody{
		ErrorCode: top, Message: message, Errors: []errorDetail{{ErrorCode: code, Message: message}},
	})}
}

// oauthError is what the token endpoint answers.
func oauthError(status int, name, code, message string) *answer {
	return &answer{status: status, body: encode(errorBody{
		Error: name, Description: message, Errors: []errorDetail{{ErrorCode: code, Message: message}},
	})}
}
